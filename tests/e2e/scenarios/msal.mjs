// MSAL.js itself against the emulator: 2.28.1, which the sample's own app has, with the sample's settings (two values changed:
// the authority's host and knownAuthorities); and the one our app has.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { signInAt } from "../lib/browser.mjs";
import { scene } from "../lib/scene.mjs";
import { root } from "../lib/world.mjs";

const old = fileURLToPath(new URL("../node_modules/msal-browser-2/lib/", import.meta.url));
const current = join(root, "apps/spa/node_modules/@azure/msal-browser/lib/");

/** The sample's `authConfig.js`. */
function settings({ entra }, redirectUri) {
  return {
    auth: {
      clientId: entra.app("Contoso SPA").client_id,
      authority: entra.about.authority,
      knownAuthorities: [new URL(entra.url).host],
      redirectUri,
      postLogoutRedirectUri: "/",
      navigateToLoginRequestUrl: false,
      clientCapabilities: ["CP1"],
    },
    cache: { cacheLocation: "localStorage", storeAuthStateInCookie: false },
  };
}

function write(world, name, library, config, bridge) {
  const folder = join(world.folder, name);
  mkdirSync(folder);
  copyFileSync(join(library, "msal-browser.min.js"), join(folder, "msal.js"));
  const page = (body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>MSAL.js</title><link rel="icon" href="data:,">${body}</html>`;
  const script = `
    const app = new msal.PublicClientApplication(${JSON.stringify(config)});
    globalThis.ready = (async () => {
      if (app.initialize) await app.initialize();
      return app.handleRedirectPromise();
    })();
    globalThis.app = app;`;
  writeFileSync(join(folder, "index.html"), page(`<script src="/msal.js"></script><script>${script}</script>`));
  if (bridge) {
    copyFileSync(bridge, join(folder, "bridge.js"));
    const hand = "<script>msalRedirectBridge.broadcastResponseToMainFrame()</script>";
    writeFileSync(join(folder, "redirect.html"), page(`<script src="/bridge.js"></script>${hand}`));
  }
  return folder;
}

export default scene(async (step, world) => {
  const { entra } = world;
  const api = await world.startApi();
  world.later(api.stop);
  const ada = entra.user("ada");
  const scopes = ["offline_access", `api://${entra.app("Contoso App").client_id}/.default`];
  const bridge = join(current, "redirect-bridge/msal-redirect-bridge.min.js");
  const versions = [
    ["2.28.1", write(world, "msal-2", old, settings(world, "/"))],
    ["current", write(world, "msal-5", current, settings(world, "/redirect.html"), bridge)],
  ];

  for (const [version, folder] of versions) {
    world.spa.serve(folder);
    world.stranger.serve(folder);
    const context = await world.openProfile();
    world.later(() => context.close());
    const page = await context.newPage();
    /** What the emulator was asked while `act` ran: endpoint, or grant of a token request. */
    const during = async (act) => {
      const before = await entra.now();
      const result = await act();
      const asked = (await entra.journal(before)).filter((entry) => entry.endpoint === "authorize" || entry.endpoint === "token" || entry.endpoint === "logout");
      assert.ok(asked.every((entry) => entry.aadsts === null), JSON.stringify(asked.map((entry) => entry.aadsts)));
      return [result, asked.filter((entry) => entry.method !== "OPTIONS").map((entry) => entry.grant_type ?? entry.endpoint)];
    };
    const open = async (origin = world.spa.origin) => {
      await page.goto(origin);
      await page.evaluate(() => globalThis.ready);
    };
    const consent = version === "2.28.1"; // given once, known later

    await step(`${version}: popup`, async () => {
      await open();
      const opened = page.waitForEvent("popup");
      const signedIn = page.evaluate(async (scopes) => (await globalThis.app.loginPopup({ scopes })).account.username, scopes);
      await signInAt(await opened, ada, { consent });
      assert.equal(await signedIn, ada.upn);
    });

    const silent = (more = {}) =>
      page.evaluate(
        async ([scopes, more]) => {
          const [account] = globalThis.app.getAllAccounts();
          const result = await globalThis.app.acquireTokenSilent({ scopes, account, ...more });
          globalThis.token = result.accessToken;
          return result.fromCache;
        },
        [scopes, more],
      );

    await step(`${version}: silent, from the cache`, async () => {
      assert.deepEqual(await during(() => silent()), [true, []]);
    });

    await step(`${version}: refresh`, async () => {
      assert.deepEqual(await during(() => silent({ forceRefresh: true })), [false, ["refresh_token"]]);
    });

    await step(`${version}: the token opens the web API`, async () => {
      const answer = await page.evaluate(async (url) => {
        const response = await fetch(`${url}/api/profile`, { headers: { Authorization: `Bearer ${globalThis.token}` } });
        return response.json();
      }, world.apiUrl);
      assert.equal(answer.displayName, "Ada Lovelace");
    });

    await step(`${version}: ssoSilent, in a hidden frame`, async () => {
      const [name, asked] = await during(() =>
        page.evaluate(
          async ([scopes, loginHint]) => (await globalThis.app.ssoSilent({ scopes, loginHint })).account.username,
          [scopes, ada.upn],
        ),
      );
      assert.equal(name, ada.upn);
      assert.deepEqual(asked, ["authorize", "authorization_code"]);
    });

    await step(`${version}: an origin that is not configured is refused by the web API`, async () => {
      const token = await page.evaluate(() => globalThis.token);
      const other = await context.newPage();
      await other.goto(world.stranger.origin);
      const answer = other.evaluate(
        ([url, token]) =>
          fetch(`${url}/api/profile`, { headers: { Authorization: `Bearer ${token}` } }).then(
            (response) => response.status,
            (error) => error.name,
          ),
        [world.apiUrl, token],
      );
      assert.equal(await answer, "TypeError");
      await other.close();
    });

    await step(`${version}: logout`, async () => {
      const [, asked] = await during(async () => {
        const back = page.waitForEvent("framenavigated", (frame) => frame === page.mainFrame());
        await page.evaluate(() => {
          const [account] = globalThis.app.getAllAccounts();
          setTimeout(() => globalThis.app.logoutRedirect({ account })); // leaves the page: nothing of it is waited for
        });
        await back;
        await page.waitForFunction(() => globalThis.ready);
      });
      assert.deepEqual(asked, ["logout"]);
      assert.equal(new URL(page.url()).origin, world.spa.origin);
      assert.equal(await page.evaluate(() => globalThis.app.getAllAccounts().length), 0);
    });

    await step(`${version}: redirect`, async () => {
      await open();
      await page.evaluate((scopes) => void setTimeout(() => globalThis.app.loginRedirect({ scopes })), scopes);
      await signInAt(page, ada, { consent: false });
      await page.waitForURL((url) => url.origin === world.spa.origin && url.pathname === "/");
      await page.waitForFunction(() => globalThis.app?.getAllAccounts().length === 1);
      assert.deepEqual(await during(() => silent()), [true, []]);
    });

    await context.close();
  }
});
