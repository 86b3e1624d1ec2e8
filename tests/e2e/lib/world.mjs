// What a scenario plays in: a folder, an emulator, a store, settings, the built app, a browser.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { openBrowser, openProfile } from "./browser.mjs";
import { Entra, keyHash } from "./entra.mjs";
import { freePort, run, start } from "./processes.mjs";
import { site } from "./site.mjs";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
const spa = join(root, "apps/spa");

/** Where cargo put the programs. */
export function programs() {
  if (process.env.ABSENTIA_PROGRAMS) return process.env.ABSENTIA_PROGRAMS;
  return join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug");
}

export async function world() {
  const folder = mkdtempSync(join(tmpdir(), "absentia-e2e-"));
  const closing = [() => rmSync(folder, { recursive: true, force: true })];
  const later = (close) => closing.push(close);
  const close = async () => {
    const failures = [];
    for (const end of closing.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join("\n"));
  };
  try {
    return await build(folder, later, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where the web app is served: how it is registered there, the settings that put it there, and the hash of its key. */
async function webApp(folder, entraFolder) {
  const origin = `https://localhost:${await freePort()}`;
  const out = join(folder, "web-app");
  await run("emulator certificate", join(programs(), "absentia-emulator"), ["certificate", "--host", "localhost", "--out", out, "--data", entraFolder]);
  const certificate = { Path: join(out, "certificate.pem"), KeyPath: join(out, "certificate-key.pem") };
  return {
    registration: {
      redirectUris: [`${origin}/signin-oidc`, `${origin}/signout-callback-oidc`],
      logoutUrl: `${origin}/signout-oidc`,
    },
    settings: { Kestrel: { Endpoints: { Https: { Url: origin } }, Certificates: { Default: certificate } } },
    keyHash: keyHash(readFileSync(certificate.Path)),
  };
}

async function build(folder, later, close) {
  // One origin may call the API. The other serves the same files and may not.
  const allowed = await site();
  const stranger = await site();
  later(allowed.stop);
  later(stranger.stop);

  // The built-in directory, with the app registered where it is served.
  const directory = JSON.parse(readFileSync(join(root, "emulator/src/directory/built-in.json"), "utf8"));
  const registered = directory.tenants[0].applications.find((app) => app.displayName === "Contoso SPA");
  registered.spa.redirectUris = [allowed, stranger].flatMap(({ origin }) => [origin, `${origin}/redirect.html`]);
  const entraFolder = join(folder, "entra");
  const web = await webApp(folder, entraFolder);
  const confidential = directory.tenants[0].applications.find((app) => app.displayName === "Contoso App");
  confidential.web = web.registration;
  const registrations = join(folder, "directory.json");
  writeFileSync(registrations, JSON.stringify(directory));
  const emulator = await start(
    "the emulator",
    join(programs(), "absentia-emulator"),
    ["run", "--listen", "127.0.0.1:0", "--data", entraFolder, "--directory", registrations, "--print-json"],
    (line) => (line.startsWith("{") ? JSON.parse(line) : undefined),
  );
  later(emulator.stop);
  const entra = new Entra(emulator.found, directory.tenants[0]);
  const app = entra.app("Contoso App");
  const apiPort = await freePort();
  const azureAd = {
    Instance: entra.url,
    TenantId: entra.about.tenant_id,
    ClientId: app.client_id,
    ClientSecret: app.secret,
    ExtraRootCertificates: entra.about.ca_file,
  };
  const graph = `${entra.url}/v1.0`;
  const settings = (name, more) => {
    const file = join(folder, `${name}.appsettings.json`);
    const strings = { TokenCacheDbConnStr: `Data Source=${join(folder, "tokens.db")}` };
    const all = { AzureAd: azureAd, ConnectionStrings: strings, GraphApiUrl: graph, MicrosoftGraphBaseUrl: graph, ...more };
    writeFileSync(file, JSON.stringify(all));
    return file;
  };
  const files = {
    api: settings("web-api", {
      Kestrel: { Endpoints: { Http: { Url: `http://localhost:${apiPort}` } } },
      Cors: { AllowedOrigins: [allowed.origin] },
    }),
    app: settings("web-app", web.settings),
    worker: settings("background-worker", {}),
  };
  await run("absentia store create", join(programs(), "absentia"), ["--settings", files.api, "store", "create"]);

  const dist = join(folder, "spa");
  await run("vite build", process.execPath, [join(spa, "node_modules/vite/bin/vite.js"), "build", "--outDir", dist, "--emptyOutDir"], {
    cwd: spa,
    environment: {
      VITE_AUTHORITY: entra.about.authority,
      VITE_CLIENT_ID: entra.app("Contoso SPA").client_id,
      VITE_API_URL: `http://localhost:${apiPort}`,
      VITE_API_SCOPE: `api://${app.client_id}/.default`,
    },
  });
  allowed.serve(dist);
  stranger.serve(dist);

  const home = join(folder, "home");
  mkdirSync(home);
  const trusted = [await entra.keyHash(), web.keyHash];
  const browser = await openBrowser(trusted, home);
  later(() => browser.close());

  const url = (line) => /https?:\/\/\S+/.exec(line)?.[0];
  const world = {
    folder,
    entra,
    browser,
    dist,
    spa: allowed,
    stranger,
    apiUrl: `http://localhost:${apiPort}`,
    close,
    later,
    /** A browser with an ordinary profile, until its `close`. */
    openProfile: () => openProfile(trusted, mkdtempSync(join(folder, "profile-"))),
    /** The web API, until its `stop`. */
    startApi: () => start("web-api", join(programs(), "web-api"), ["--settings", files.api], url),
    startApp: () => start("web-app", join(programs(), "web-app"), ["--settings", files.app], url),
    /** The app again, at the port it had. */
    async startSpa() {
      world.spa = await site(allowed.port);
      world.spa.serve(dist);
      return world.spa;
    },
    /** One pass of the worker over everybody. */
    async work() {
      const args = ["--settings", files.worker, "--once", "--idle", "0s", "--json"];
      // 1 says that some failed: that is part of the story.
      return JSON.parse(await run("background-worker", join(programs(), "background-worker"), args, { codes: [0, 1] }));
    },
  };
  return world;
}

export function missing() {
  const names = ["absentia", "absentia-emulator", "web-api", "web-app", "background-worker", "demo"];
  return names.filter((name) => !existsSync(join(programs(), name)));
}

/** The packages of the app under test, as its lock file has them. */
export async function install() {
  if (existsSync(join(spa, "node_modules/vite"))) return;
  await run("npm ci", "npm", ["ci"], { cwd: spa });
}
