// The .NET program: one process for each command, and a token cache in Redis that outlives them.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { freePort, run, start } from "../../e2e/lib/processes.mjs";
import { REDIRECT_URI } from "../lib/world.mjs";

const LIBRARY_ERROR = 2;

export class Witness {
  #verifier;

  /** `options`: how it keeps its cache, by the names of the program's own options. */
  constructor(world, program, options) {
    this.world = world;
    this.program = program;
    const { about } = world.entra;
    const all = { authority: about.authority, ca: about.ca_file, "client-id": world.app.client_id, ...options };
    this.options = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
    // The web app's data protection keeps its keys there.
    const home = join(world.folder, "home");
    mkdirSync(home, { recursive: true });
    this.environment = { HOME: home, SSL_CERT_FILE: about.ca_file };
  }

  async ask({ do: name, scopes, secret = this.world.app.secret, more = [], ...command }) {
    const always = [...more, ...this.options, "--secret", secret, "--show-secrets"];
    const run = (...how) => this.run(...how, ...always, ...(scopes ? ["--scopes", scopes.join(" ")] : []));
    switch (name) {
      case "begin": {
        const { url, verifier } = await run("interactive-url", "--redirect-uri", REDIRECT_URI);
        this.#verifier = verifier;
        return { url };
      }
      case "redeem": {
        const { code } = command.returned;
        return answer(await run("code", "--code", code, "--verifier", this.#verifier, "--redirect-uri", REDIRECT_URI));
      }
      case "silent":
        return answer(await run("silent", "--home-account-id", command.account_id, ...(command.force ? ["--force-refresh"] : [])));
      case "obo":
        return answer(await run("obo", "--assertion", command.assertion));
      case "start":
        return answer(await run("obo-start", "--assertion", command.assertion, "--session-key", command.session_key));
      case "continue":
        return answer(await run("obo-continue", "--session-key", command.session_key));
      case "stop":
        return run("obo-stop", "--session-key", command.session_key);
      case "sign-out":
        return run("remove", "--home-account-id", command.account_id);
      default:
        return answer(await run(name));
    }
  }

  /** A pass of a worker over these accounts, in one process. */
  worker(scope, ...subjects) {
    const each = subjects.flatMap((subject) => ["--subject", subject]);
    return this.run("worker", ...each, ...this.options, "--secret", this.world.app.secret, "--scopes", scope);
  }

  /** One command of the program: what it printed. */
  async run(...args) {
    return JSON.parse(await run(`the witness's "${args[0]}"`, this.program, args, { environment: this.environment, codes: [0, LIBRARY_ERROR] }));
  }

  /** The program as a server, with its address as `found`. */
  async serve(kind, ...more) {
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const args = [kind, ...this.options, "--secret", this.world.app.secret, "--urls", url, "--graph", `${this.world.entra.url}/v1.0`];
    const ready = (line) => (line.includes(url) ? url : undefined);
    const server = await start(`the witness's "${kind}"`, this.program, [...args, "--scopes", "User.Read", ...more], ready, this.environment);
    this.world.later(server.stop);
    return server.found;
  }
}

/** What the library gave, in the words that all witnesses use. */
function answer(said) {
  if (said.error) {
    const { type, error_code: error, suberror, response_body: body } = said.error;
    const aadsts = body ? JSON.parse(body).error_codes?.[0] : undefined;
    return { refused: { type: type.split(".").at(-1), error, aadsts, suberror } };
  }
  return {
    token: said.access_token,
    expires_on: said.expires_on,
    source: said.token_source === "Cache" ? "cache" : "entra",
    account: said.account?.home_account_id,
    username: said.account?.username,
  };
}
