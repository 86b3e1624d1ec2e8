// What a witness is heard in: a folder, an emulator of its own over https, and people.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Entra } from "../../e2e/lib/entra.mjs";
import { start } from "../../e2e/lib/processes.mjs";
import { exchange, Person } from "./person.mjs";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Where cargo puts what it builds. */
export const target = resolve(process.env.CARGO_TARGET_DIR ?? join(root, "target"));
/** Where the built program of this name is. */
export const built = (name) => join(process.env.ABSENTIA_PROGRAMS ?? join(target, "debug"), name);
export const emulator = built("absentia-emulator");

/** Where the confidential app wants its codes sent; nobody listens there. */
export const REDIRECT_URI = "http://localhost:44321/signin-oidc";
/** Where installed apps want theirs. */
const INSTALLED = "http://localhost";
export const ON_BEHALF_OF = "urn:ietf:params:oauth:grant-type:jwt-bearer";

export class World {
  #closing = [];

  static async open() {
    const world = new World();
    world.folder = mkdtempSync(join(tmpdir(), "absentia-witness-"));
    world.later(() => rmSync(world.folder, { recursive: true, force: true }));
    try {
      const args = ["run", "--listen", "127.0.0.1:0", "--data", join(world.folder, "entra"), "--print-json"];
      const started = await start("the emulator", emulator, args, (line) => (line.startsWith("{") ? JSON.parse(line) : undefined));
      world.later(started.stop);
      const directory = JSON.parse(readFileSync(join(root, "emulator/src/directory/built-in.json"), "utf8"));
      world.entra = new Entra(started.found, directory.tenants[0]);
      world.app = world.entra.app("Contoso App");
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  /** `close` is called at the end, the latest first. */
  later(close) {
    this.#closing.push(close);
  }

  async close() {
    const failures = [];
    for (const end of this.#closing.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join("\n"));
  }

  person(name) {
    return new Person(this.entra, this.entra.user(name));
  }

  /** Does `act` and holds the journal against `expected`: for each token request its grant, its user and its AADSTS number. */
  async asking(expected, act) {
    const before = await this.entra.now();
    const result = await act();
    const requests = (await this.entra.journal(before)).filter(({ endpoint }) => endpoint === "token");
    const seen = requests.map(({ grant_type, user, aadsts }) => [grant_type, user?.upn.split("@")[0] ?? null, aadsts ?? 0]);
    assert.deepEqual(seen, expected, `token requests in the journal; the answer was ${JSON.stringify(result, shortened)}`);
    return result;
  }

  /** An access token for the app's API, as its single-page app's installed sister gets it, without any library. */
  async tokenForApi(name, scope) {
    const client_id = this.entra.app("Contoso SPA").client_id;
    const verifier = randomBytes(32).toString("base64url");
    const common = { client_id, redirect_uri: INSTALLED, scope: `api://${this.app.client_id}/${scope}` };
    const asked = new URLSearchParams({
      ...common,
      response_type: "code",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    });
    const endpoint = `${this.entra.about.authority}/oauth2/v2.0`;
    const { code } = await this.person(name).visit(`${endpoint}/authorize?${asked}`, `${INSTALLED}/?`);
    const { status, body } = await exchange(`${endpoint}/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ ...common, grant_type: "authorization_code", code, code_verifier: verifier }).toString(),
      agent: this.entra.agent,
    });
    assert.equal(status, 200, body);
    return JSON.parse(body).access_token;
  }

  /** The display name that Graph answers to `token`. */
  async graphSays(token) {
    const headers = { authorization: `Bearer ${token}` };
    const { status, body } = await exchange(`${this.entra.url}/v1.0/me`, { headers, agent: this.entra.agent });
    assert.equal(status, 200, body);
    return JSON.parse(body).displayName;
  }
}

/** Failures are shown to people: no token in them. */
function shortened(key, value) {
  return key === "token" && typeof value === "string" ? "…" : value;
}

export function missing() {
  return existsSync(emulator) ? undefined : emulator;
}
