// Our programs over the cache that .NET's share: settings, the apps, and the library told what to do line by line.
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { run, start } from "../../e2e/lib/processes.mjs";
import { Conversation } from "../lib/conversation.mjs";
import { built, REDIRECT_URI } from "../lib/world.mjs";

/** The programs, all built with the feature `redis`. */
export const programs = ["absentia", "background-worker", "web-app", "web-api", "peer"];

export class Ours {
  /** `sections`: what the settings say of the shared cache. */
  constructor(world, name, sections) {
    this.world = world;
    this.name = name;
    this.sections = sections;
  }

  /** A settings file. `tokenCache` are more options of the cache. */
  settings(program, { tokenCache = {}, ...more } = {}) {
    const { entra, app, folder } = this.world;
    const file = join(folder, `${this.name}-${program}.appsettings.json`);
    const { TokenCache, ...sections } = this.sections;
    const graph = `${entra.url}/v1.0`;
    const all = {
      AzureAd: {
        Instance: entra.url,
        TenantId: entra.about.tenant_id,
        ClientId: app.client_id,
        ClientSecret: app.secret,
        ExtraRootCertificates: entra.about.ca_file,
      },
      GraphApiUrl: graph,
      MicrosoftGraphBaseUrl: graph,
      TokenCache: { ...TokenCache, KeyRing: join(folder, `${this.name}.keys`), ...tokenCache },
      ...sections,
      ...more,
    };
    writeFileSync(file, JSON.stringify(all));
    return file;
  }

  /** The ring for what the web app seals itself. */
  async create() {
    this.file = this.settings("all");
    await run("absentia store create", built("absentia"), ["--settings", this.file, "store", "create"]);
  }

  /** One pass of the worker over everybody. */
  async work() {
    const args = ["--settings", this.file, "--once", "--idle", "0s", "--json"];
    // 1 says that some failed: that is part of the story.
    return JSON.parse(await run("background-worker", built("background-worker"), args, { codes: [0, 1] }));
  }

  /** The program as a server: its address. */
  async serve(program) {
    const file = this.settings(program, { Kestrel: { Endpoints: { Http: { Url: "http://localhost:0" } } } });
    const url = (line) => /http:\/\/\S+/.exec(line)?.[0];
    const server = await start(program, built(program), ["--settings", file], url);
    this.world.later(server.stop);
    return server.found;
  }

  async signOut(user) {
    await run("absentia accounts sign-out", built("absentia"), ["--settings", this.file, "accounts", "sign-out", user.upn, "--yes"]);
  }

  /** A process of our library, with a memory of its own. */
  peer(tokenCache) {
    const peer = new Conversation(built("peer"), [tokenCache ? this.settings("peer", { tokenCache }) : this.file], {});
    this.world.later(() => peer.close());
    return { ask: (command) => peer.ask({ redirect_uri: REDIRECT_URI, ...command }) };
  }
}
