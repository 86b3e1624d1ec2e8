// Users sign in to the single-page app; it and the web API stop; the worker acts for them; one must return.
import assert from "node:assert/strict";

import { refusals, signInAt, WIDE } from "../lib/browser.mjs";
import { scene } from "../lib/scene.mjs";

const FIELDS = ["Display name", "Given name", "Department", "Employee id", "City", "Country"];
/** Life of access tokens that are past their use at once, so that whoever needs one must refresh. Seconds. */
const SHORT = 120;
/** Anything that looks like a token: the start of a signed one. */
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;

const of = (user) => (entry) => entry.user?.upn === user.upn;
const button = (page, name) => page.getByRole("button", { name, exact: true });

/** The six values on the page. */
async function profile(page) {
  await page.getByRole("heading", { name: "What the web API says" }).waitFor();
  const rows = await page.locator("dl div").all();
  const pairs = await Promise.all(rows.map(async (row) => [await row.locator("dt").innerText(), await row.locator("dd").innerText()]));
  return Object.fromEntries(pairs);
}

async function call(page) {
  await button(page, "Call Web API").click();
  return profile(page);
}

async function menu(page) {
  await page.locator("details.accounts summary").click();
}

export default scene(async (step, world, look) => {
  const { entra, browser } = world;
  const ada = entra.user("ada");
  const grace = entra.user("grace");
  await entra.setTokenLifetime("grace", SHORT);
  let api = await world.startApi();
  world.later(api.stop);
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce" });
  const refused = refusals(context);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));

  await step("the first page says what it is for", async () => {
    await page.goto(world.spa.origin);
    await button(page, "Sign in").waitFor();
    await look(page, "welcome");
  });

  await step("ada signs in by a window, and allows it", async () => {
    const opened = page.waitForEvent("popup");
    await button(page, "Sign in").click();
    const popup = await opened;
    await popup.waitForLoadState();
    await popup.setViewportSize({ width: 483, height: 600 });
    await page.getByRole("heading", { name: "A sign-in window is open" }).waitFor();
    await look(page, "window-open");
    await signInAt(popup, ada, { look });
    await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    assert.ok(popup.isClosed() || (await popup.waitForEvent("close", { timeout: 5000 }), true));
    assert.equal(await page.locator(".notice").count(), 0);
    await look(page, "profile-before-call");
  });

  await step("ada calls the web API: six fields", async () => {
    const six = await call(page);
    assert.deepEqual(Object.keys(six), FIELDS);
    assert.equal(six["Display name"], "Ada Lovelace");
    assert.equal(six.Country, "United Kingdom");
    await look(page, "profile");
  });

  await step("a second call asks Entra nothing", async () => {
    const before = await entra.now();
    const shown = page.waitForResponse((response) => response.url().endsWith("/api/profile") && response.status() === 200);
    await button(page, "Call Web API").click();
    await shown;
    const asked = (await entra.journal(before)).filter((entry) => entry.endpoint !== "graph");
    assert.deepEqual(asked, []);
  });

  await step("grace is added on the page, and calls the web API", async () => {
    await menu(page);
    await look(page, "menu");
    await button(page, "Add an account on this page").click();
    await signInAt(page, grace, { look });
    await page.getByRole("heading", { name: "Grace Hopper" }).waitFor();
    assert.equal(page.url(), `${world.spa.origin}/`);
    assert.equal((await call(page))["Display name"], "Grace Hopper");
  });

  await step("switching accounts shows nothing of the other", async () => {
    await menu(page);
    await look(page, "menu-two");
    await button(page, "Switch to Ada Lovelace").click();
    await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    assert.doesNotMatch(await page.locator("main").innerText(), /grace|hopper/i);
    const before = await entra.now();
    assert.equal((await call(page))["Display name"], "Ada Lovelace");
    assert.equal((await entra.journal(before)).filter(of(grace)).length, 0);
  });

  await step("an answer that comes after the switch is not shown", async () => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/api/profile", async (route) => {
      await held;
      await route.continue().catch(() => undefined); // the page no longer wants it
    });
    await button(page, "Call Web API").click();
    await button(page, "Calling…").waitFor();
    await menu(page);
    await button(page, "Switch to Grace Hopper").click();
    await page.getByRole("heading", { name: "Grace Hopper" }).waitFor();
    release();
    await page.unrouteAll({ behavior: "wait" });
    assert.equal((await call(page))["Display name"], "Grace Hopper");
    assert.doesNotMatch(await page.locator("main").innerText(), /lovelace/i);
  });

  await step("both are known after a reload, the chosen one chosen", async () => {
    await page.reload();
    await page.getByRole("heading", { name: "Grace Hopper" }).waitFor();
    await menu(page);
    await button(page, "Switch to Ada Lovelace").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("details.accounts[open]").count(), 0);
  });

  await step("the claims of the ID token are shown, the token is not", async () => {
    await page.getByRole("link", { name: "ID token" }).click();
    await page.getByRole("heading", { name: "ID token" }).waitFor();
    assert.match(await page.locator("dl").innerText(), /preferred_username[^@]+grace@contoso\.example/);
    await look(page, "claims");
  });

  await step("no token in the page, in storage as plain text, or in an address", async () => {
    assert.ok(!TOKEN.test(await page.content()), "a token is in the page");
    const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.ok(!TOKEN.test(stored), "a token is stored as plain text");
    assert.ok(stored.includes(ada.oid), "MSAL.js stores elsewhere, and this test looks in the wrong place");
    assert.ok(world.spa.asked.every((url) => !/code=|token/i.test(url)), "an answer reached the app's server");
    assert.ok(world.spa.asked.some((url) => url.startsWith("/redirect.html")));
  });

  await step("what is injected into the page is refused: scripts, handlers, calls elsewhere", async () => {
    const injected = await browser.newContext({ viewport: WIDE });
    const seen = refusals(injected);
    const victim = await injected.newPage();
    const script = "<script>globalThis.pwned = 'markup'</script>";
    await victim.route(`${world.spa.origin}/`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: (await answer.text()).replace("</body>", `${script}</body>`) });
    });
    await victim.goto(world.spa.origin);
    await button(victim, "Sign in").waitFor();
    assert.match(await victim.content(), /pwned = 'markup'/);
    assert.equal(seen.length, 1, seen.join("\n"));
    const outcome = await victim.evaluate(async (elsewhere) => {
      const element = document.createElement("script");
      element.textContent = "globalThis.pwned = 'element'";
      document.body.append(element);
      const image = document.createElement("div");
      image.innerHTML = `<img src="data:," onerror="globalThis.pwned = 'handler'">`;
      document.body.append(image);
      const said = await fetch(elsewhere, { mode: "no-cors" }).then(() => "answered", (error) => error.name);
      await new Promise((resolve) => setTimeout(resolve, 100)); // the image's error is an event of its own
      return { said, pwned: globalThis.pwned };
    }, `${world.stranger.origin}/stolen`);
    assert.deepEqual(outcome, { said: "TypeError", pwned: undefined });
    assert.ok(!world.stranger.asked.includes("/stolen"), "the call was made");
    for (const directive of ["script-src", "connect-src"]) {
      assert.ok(seen.some((text) => text.includes(directive)), `${directive} refused nothing:\n${seen.join("\n")}`);
    }
    await injected.close();
  });

  await step("everything can be done with the keyboard alone", async () => {
    await page.goto(world.spa.origin);
    await button(page, "Call Web API").waitFor();
    const reach = async (what) => {
      for (let at = 0; at < 25; at++) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => {
          const { outlineStyle } = getComputedStyle(document.activeElement);
          return { text: document.activeElement.textContent, ring: outlineStyle };
        });
        if (what.test(focused.text)) {
          assert.notEqual(focused.ring, "none", `${focused.text} shows no focus`);
          return;
        }
      }
      assert.fail(`${what} cannot be reached`);
    };
    await reach(/^Skip to content$/);
    await reach(/Grace Hopper/);
    await page.keyboard.press("Enter");
    await reach(/^Switch to Ada Lovelace$/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    await page.keyboard.press("Tab");
    await reach(/^Call Web API$/);
    await page.keyboard.press("Enter");
    assert.equal((await profile(page))["Display name"], "Ada Lovelace");
  });

  await step("a page of an origin that is not configured cannot call the web API", async () => {
    const foreign = await browser.newContext({ viewport: WIDE });
    const other = await foreign.newPage();
    const sent = [];
    other.on("request", (request) => request.url().endsWith("/api/profile") && sent.push(request.method()));
    await other.goto(world.stranger.origin);
    const opened = other.waitForEvent("popup");
    await button(other, "Sign in").click();
    await signInAt(await opened, ada, { consent: false });
    await other.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    const before = await entra.now();
    await button(other, "Call Web API").click();
    await other.getByRole("heading", { name: "The web API does not answer" }).waitFor();
    assert.match(await other.locator(".notice").innerText(), /Cors:AllowedOrigins/);
    assert.deepEqual(await entra.journal(before), [], "the call was served all the same");
    await look(other, "cors-refused");
    await foreign.close();
  });

  await step("the app and the web API stop; the page says that the API is gone", async () => {
    await api.stop();
    await button(page, "Call Web API").click();
    await page.getByRole("heading", { name: "The web API does not answer" }).waitFor();
    await look(page, "api-down");
    await world.spa.stop();
  });

  await step("the worker acts for both, without a sign-in", async () => {
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username).sort(), [ada.upn, grace.upn]);
    assert.deepEqual([pass.failed, pass.waiting], [[], []]);
    const journal = await entra.journal(before);
    assert.equal(journal.filter((entry) => entry.endpoint === "authorize").length, 0);
    for (const user of [ada, grace]) {
      const served = journal.filter((entry) => entry.endpoint === "graph" && entry.status === 200).filter(of(user));
      assert.equal(served.length, 1, `Graph served ${user.upn} ${served.length} times`);
    }
    const tokens = journal.filter((entry) => entry.endpoint === "token");
    assert.ok(tokens.every((entry) => entry.grant_type === "refresh_token"), "delegated permissions alone");
    assert.equal(tokens.filter(of(grace)).length, 1, "grace's token was too old, and was refreshed once");
  });

  await step("grace's sessions are revoked; the worker reports her and acts for ada", async () => {
    await entra.revokeSessions("grace");
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username), [ada.upn]);
    assert.deepEqual(pass.failed.map((row) => [row.username, row.state, row.reason]), [[grace.upn, "needs-sign-in", "AADSTS50173"]]);
    const journal = await entra.journal(before);
    assert.equal(journal.filter((entry) => entry.endpoint === "graph").filter(of(grace)).length, 0);
  });

  await step("grace waits, and is left alone", async () => {
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.waiting.map((row) => row.username), [grace.upn]);
    assert.equal((await entra.journal(before)).filter(of(grace)).length, 0);
  });

  await step("she returns: the page asks her to sign in, and goes on where she was", async () => {
    await world.startSpa();
    world.later(world.spa.stop);
    api = await world.startApi();
    world.later(api.stop);
    await page.goto(world.spa.origin);
    await menu(page);
    await button(page, "Switch to Grace Hopper").click();
    await button(page, "Call Web API").click();
    await page.getByRole("heading", { name: "Please sign in again" }).waitFor({ timeout: 20_000 });
    assert.match(await page.locator(".notice").innerText(), /AADSTS\d+/);
    await look(page, "sign-in-again");
    const opened = page.waitForEvent("popup");
    await button(page, "Continue in a window").click();
    await signInAt(await opened, grace, { consent: false });
    assert.equal((await profile(page))["Display name"], "Grace Hopper");
  });

  await step("the worker acts for her again", async () => {
    await api.stop();
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username).sort(), [ada.upn, grace.upn]);
    assert.deepEqual([pass.failed, pass.waiting], [[], []]);
    const served = (await entra.journal(before)).filter((entry) => entry.endpoint === "graph").filter(of(grace));
    assert.equal(served.length, 1);
  });

  await step("grace signs out, ada stays", async () => {
    await page.reload();
    await menu(page);
    await button(page, "Sign out Grace Hopper").click();
    await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    await menu(page);
    assert.equal(await button(page, "Switch to Grace Hopper").count(), 0);
    const kept = await page.evaluate((id) => Object.keys(localStorage).filter((key) => key.includes(id)), grace.oid);
    assert.deepEqual(kept, [], "something of grace's is still stored");
  });

  await step("ada signs out; nobody is left", async () => {
    await button(page, "Sign out Ada Lovelace").click();
    await button(page, "Sign in").waitFor();
    assert.equal(new URL(page.url()).pathname, "/");
    assert.deepEqual(errors, []);
  });

  await step("all that time the pages' policy had nothing to refuse", async () => {
    assert.deepEqual(refused, []);
  });
});
