// What the single-page app says when something is in the way, and whether one can go on from there.
import assert from "node:assert/strict";

import { refusals, signInAt, WIDE } from "../lib/browser.mjs";
import { scene } from "../lib/scene.mjs";

const button = (page, name) => page.getByRole("button", { name, exact: true });
const heading = (page, name) => page.getByRole("heading", { name });

export default scene(async (step, world, look) => {
  const { entra, browser } = world;
  const edsger = entra.user("edsger");
  const api = await world.startApi();
  world.later(api.stop);
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: "reduce" });
  const refused = refusals(context);
  const page = await context.newPage();
  await page.goto(world.spa.origin);

  const openPopup = async (name) => {
    const opened = page.waitForEvent("popup");
    await button(page, name).click();
    const popup = await opened;
    await popup.getByLabel("User name").or(button(popup, "Use another account")).waitFor();
    return popup;
  };

  await step("a window closed by hand: said at once, and the next click works within a second", async () => {
    const popup = await openPopup("Sign in");
    await popup.close();
    await heading(page, "The sign-in window is closed").waitFor({ timeout: 2000 });
    await look(page, "window-closed");
    const clicked = Date.now();
    const opened = page.waitForEvent("popup");
    await button(page, "Sign in").click();
    const second = await opened;
    assert.ok(Date.now() - clicked < 1000, `took ${Date.now() - clicked} ms`);
    await second.getByLabel("User name").waitFor();
    await second.close();
  });

  await step("after a closed window the other way works too", async () => {
    await heading(page, "The sign-in window is closed").waitFor({ timeout: 2000 });
    await page.getByRole("button", { name: "Sign in on this page" }).first().click();
    await page.getByLabel("User name").waitFor();
    await page.goBack();
    await button(page, "Sign in").waitFor();
  });

  await step("after coming back from a sign-in that was not finished, the page is usable", async () => {
    const popup = await openPopup("Sign in");
    await popup.close();
    await page.reload();
    await button(page, "Sign in").waitFor();
    assert.equal(await page.locator(".notice").count(), 0);
  });

  await step("opened twice: the second window counts, the first is closed", async () => {
    const first = await openPopup("Sign in");
    const second = await openPopup("Start again");
    assert.ok(first.isClosed());
    assert.equal(second.isClosed(), false);
    await second.close();
  });

  await step("a window the browser blocks: said, and the page offers the other way", async () => {
    const blocked = await context.newPage();
    await blocked.addInitScript(() => (window.open = () => null));
    await blocked.goto(world.spa.origin);
    await button(blocked, "Sign in").click();
    await heading(blocked, "Your browser blocked the sign-in window").waitFor();
    await look(blocked, "window-blocked");
    await blocked.locator(".notice").getByRole("button", { name: "Sign in on this page" }).click();
    await blocked.getByLabel("User name").waitFor();
    await blocked.close();
  });

  await step("permissions refused in a window", async () => {
    const popup = await openPopup("Sign in");
    await signInAt(popup, edsger, { decision: "Cancel" });
    await heading(page, "The permissions were not given").waitFor();
    assert.match(await page.locator(".notice").innerText(), /AADSTS65004/);
    await look(page, "consent-refused");
  });

  await step("permissions refused on the page", async () => {
    await page.reload();
    await button(page, "Sign in on this page").click();
    await button(page, "Use another account").or(page.getByLabel("User name")).waitFor();
    await signInAt(page, edsger, { decision: "Cancel" });
    await heading(page, "The permissions were not given").waitFor();
  });

  await step("and given after all", async () => {
    const popup = await openPopup("Start again");
    await signInAt(popup, edsger);
    await heading(page, "Edsger Dijkstra").waitFor();
  });

  /** The API answers this once. */
  const answer = (status, headers, body) =>
    page.route(
      "**/api/profile",
      (route) => {
        const cors = { "access-control-allow-origin": world.spa.origin, "access-control-expose-headers": "www-authenticate, retry-after" };
        const allow = { "access-control-allow-headers": "authorization" };
        if (route.request().method() === "OPTIONS") return route.fulfill({ status: 204, headers: { ...cors, ...allow } });
        return route.fulfill({ status, headers: { ...cors, ...headers }, json: body ?? {} });
      },
      { times: 1 },
    );

  const says = async (what) => {
    await button(page, "Call Web API").click();
    await heading(page, what).waitFor();
  };

  await step("401: the API does not accept the token", async () => {
    await answer(401, { "www-authenticate": 'Bearer error="invalid_token", error_description="The audience is wrong"' });
    await says("The API did not accept your token (401)");
    assert.match(await page.locator(".notice").innerText(), /The audience is wrong/);
    await look(page, "unauthorized");
  });

  await step("403: the token opens nothing here", async () => {
    await answer(403, {});
    await says("You may not do this (403)");
    await look(page, "forbidden");
  });

  await step("503: later; 500: its log knows", async () => {
    await answer(503, { "retry-after": "7" });
    await says("The web API is busy");
    assert.match(await page.locator(".notice").innerText(), /7 seconds/);
    await answer(500, {}, { error: "server_error", correlation_id: "c0ffee" });
    await says("The web API failed (500)");
    assert.match(await page.locator(".notice").innerText(), /c0ffee/);
  });

  const claims = { access_token: { acrs: { essential: true, value: "c1" } } };
  const challenge = `Bearer realm="", authorization_uri="https://x/authorize", error="insufficient_claims", claims="${Buffer.from(JSON.stringify(claims)).toString("base64")}"`;
  const asksForClaims = (url) => {
    const asked = JSON.parse(new URL(url).searchParams.get("claims") ?? "{}");
    assert.deepEqual(asked.access_token.acrs, claims.access_token.acrs);
    assert.deepEqual(asked.access_token.xms_cc, { values: ["CP1"] });
  };

  await step("a claims challenge is answered in a window, and the call goes on", async () => {
    await answer(401, { "www-authenticate": challenge }, { reason: "step-up" });
    await says("One more step is needed");
    await look(page, "claims-challenge");
    const asked = context.waitForEvent("request", (request) => request.url().includes("/authorize?"));
    const opened = page.waitForEvent("popup");
    await button(page, "Continue in a window").click();
    asksForClaims((await asked).url());
    await signInAt(await opened, edsger, { consent: false }); // a stronger sign-in is a password given for it
    await heading(page, "What the web API says").waitFor();
    assert.equal(await page.locator(".notice").count(), 0);
  });

  await step("a claims challenge is answered on the page, and the call goes on", async () => {
    await page.reload();
    await answer(401, { "www-authenticate": challenge });
    await says("One more step is needed");
    const asked = page.waitForRequest((request) => request.url().includes("/authorize?"));
    await button(page, "Continue on this page").click();
    asksForClaims((await asked).url());
    await heading(page, "What the web API says").waitFor();
  });

  await step("Entra does not answer: said, with its address", async () => {
    const alone = await (await browser.newContext({ viewport: WIDE })).newPage();
    await alone.route(`${entra.url}/**`, (route) => route.abort("connectionrefused"));
    await alone.goto(world.spa.origin);
    await button(alone, "Sign in").click();
    await heading(alone, "Entra does not answer").waitFor();
    assert.ok((await alone.locator(".notice").innerText()).includes(entra.url));
    await alone.context().close();
  });

  await step("the redirect page opened by hand leads home; an unknown page says so", async () => {
    await page.goto(`${world.spa.origin}/redirect.html`);
    await heading(page, "Edsger Dijkstra").waitFor();
    await page.goto(`${world.spa.origin}/nowhere`);
    await heading(page, "There is no such page").waitFor();
    assert.deepEqual(refused, [], "the pages' policy was in the way");
  });
});
