// The emulator's page for people: what it shows, and that its switches do what they say.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { refusals, signInAt, WIDE } from "../lib/browser.mjs";
import { scene } from "../lib/scene.mjs";

const VERIFIER = "a-verifier-of-pkce-that-is-long-enough-for-everybody";
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");

const button = (page, name) => page.getByRole("button", { name, exact: true });

export default scene(async (step, world, look) => {
  const { entra, browser } = world;
  const ada = entra.user("ada");
  const grace = entra.user("grace");
  const client_id = entra.app("Contoso SPA").client_id;
  const redirect_uri = `${world.spa.origin}/redirect.html`;
  const scope = `api://${entra.app("Contoso App").client_id}/.default openid offline_access`;
  const people = await browser.newContext({ viewport: WIDE });
  const refused = refusals(people);
  const page = await people.newPage();
  const live = page.frameLocator("iframe.live");
  const hers = await browser.newContext({ viewport: WIDE });

  /** Ada signs in to the single-page app; her refresh token. */
  const signIn = async (options) => {
    const tab = await hers.newPage();
    const asked = { client_id, redirect_uri, scope, response_type: "code", prompt: "login", code_challenge: CHALLENGE, code_challenge_method: "S256" };
    const back = tab.waitForRequest((request) => request.url().startsWith(redirect_uri));
    await tab.goto(`${entra.about.authority}/oauth2/v2.0/authorize?${new URLSearchParams(asked)}`);
    await signInAt(tab, ada, options);
    const code = new URL((await back).url()).searchParams.get("code");
    await tab.close();
    const form = { client_id, redirect_uri, code, scope, code_verifier: VERIFIER, grant_type: "authorization_code" };
    const answer = await entra.token(form, world.spa.origin);
    assert.equal(answer.status, 200, JSON.stringify(answer));
    return answer.refresh_token;
  };
  /** What becomes of a refresh: 200, or AADSTS number. */
  const refresh = async (refresh_token) => {
    const answer = await entra.token({ client_id, refresh_token, scope, grant_type: "refresh_token" }, world.spa.origin);
    return answer.status === 200 ? 200 : answer.error_codes[0];
  };
  let token;

  await step("tenants, users and apps are there, and nobody is signed in", async () => {
    await page.goto(entra.url);
    await page.getByRole("heading", { name: "Contoso", exact: true }).waitFor();
    const text = await page.locator("main").innerText();
    for (const { displayName, userPrincipalName } of entra.tenant.users) assert.ok(text.includes(displayName) && text.includes(userPrincipalName));
    for (const { displayName, appId } of entra.tenant.applications) assert.ok(text.includes(displayName) && text.includes(appId));
    for (const { password } of entra.tenant.users) assert.ok(!(await page.content()).includes(password), "a password is shown");
    await live.getByText("Nobody.").waitFor();
    await look(page, "console", { fullPage: true });
  });

  await step("a sign-in appears as it happens, without touching the page", async () => {
    token = await signIn();
    await live.getByText("authorization_code").waitFor({ timeout: 10_000 });
    await live.locator("li", { hasText: "Ada Lovelace" }).getByText("Contoso SPA").waitFor();
    assert.ok(!(await page.frames().at(-1).content()).includes(token), "a token is shown");
  });

  await step("the journal can be paused, and goes on", async () => {
    await live.getByRole("link", { name: "Pause" }).click();
    await live.getByRole("link", { name: "Go on" }).waitFor();
    assert.equal(await live.locator("meta[http-equiv=refresh]").count(), 0);
    assert.equal(await refresh(token), 200);
    assert.equal(await live.getByText("refresh_token").count(), 0);
    await live.getByRole("link", { name: "Go on" }).click();
    await live.getByText("refresh_token").waitFor();
  });

  await step("disabled: her refresh is refused with 50057, until she is enabled", async () => {
    await page.reload();
    await button(page, "Disable Ada Lovelace").click();
    await page.locator("li", { hasText: "Ada Lovelace" }).getByText("disabled").waitFor();
    assert.equal(await refresh(token), 50057);
    await live.getByText("AADSTS50057").waitFor();
    await look(page, "console-disabled", { fullPage: true });
    await button(page, "Enable Ada Lovelace").click();
    await button(page, "Disable Ada Lovelace").waitFor();
    assert.equal(await refresh(token), 200);
  });

  await step("consent taken back: 65001, until she allows it again", async () => {
    await button(page, "Take back what Ada Lovelace allowed Contoso SPA").click();
    await button(page, "Take back what Ada Lovelace allowed Contoso SPA").waitFor({ state: "detached" });
    assert.equal(await refresh(token), 65001);
    token = await signIn();
    assert.equal(await refresh(token), 200);
  });

  await step("sessions revoked: 50173, and her session is marked", async () => {
    await button(page, "Revoke sessions of Ada Lovelace").click();
    await page.locator("li", { hasText: "ada@contoso.example" }).getByText(/sessions revoked/).waitFor();
    assert.equal(await refresh(token), 50173);
    await live.getByText("revoked", { exact: true }).first().waitFor();
    token = await signIn({ consent: false });
    assert.equal(await refresh(token), 200);
  });

  await step("the clock a day and an hour ahead: a single-page app's refresh token is over, 700084", async () => {
    await button(page, "+1 day").click();
    await page.getByText("1 d 0 h ahead").waitFor();
    await button(page, "+1 hour").click();
    await page.getByText("1 d 1 h ahead").waitFor();
    assert.equal(await refresh(token), 700084);
  });

  await step("an outage begins and ends", async () => {
    await button(page, "Begin an outage").click();
    await page.getByText("Answers 503 to everything but Graph").waitFor();
    assert.equal((await entra.token({ client_id }, world.spa.origin)).status, 503);
    await look(page, "console-outage", { fullPage: true });
    await button(page, "End the outage").click();
    await page.getByText("Answers as it should").waitFor();
    assert.equal((await entra.token({ client_id }, world.spa.origin)).status, 400);
  });

  await step("an administrator allows the app for everybody; nobody is asked until it is taken back", async () => {
    const admin = await (await browser.newContext({ viewport: WIDE })).newPage();
    const asked = new URLSearchParams({ client_id, redirect_uri, state: "7" });
    const back = admin.waitForRequest((request) => request.url().startsWith(redirect_uri));
    await admin.goto(`${entra.about.authority}/adminconsent?${asked}`);
    await signInAt(admin, grace, { consent: false });
    await admin.getByText("Review for your organization").waitFor();
    await look(admin, "admin-consent", { fullPage: true });
    await button(admin, "Accept").click();
    assert.match(new URL((await back).url()).search, /admin_consent=True&tenant=.*&state=7/);
    await admin.context().close();

    await page.reload();
    const hersAlone = button(page, "Take back what Ada Lovelace allowed Contoso SPA");
    await hersAlone.click();
    await hersAlone.waitFor({ state: "detached" });
    token = await signIn({ consent: false });
    await page.reload();
    await look(page, "console-admin-consent", { fullPage: true });
    await button(page, "Take back what administrators allowed Contoso SPA").click();
    await button(page, "Take back what administrators allowed Contoso SPA").waitFor({ state: "detached" });
    assert.equal(await refresh(token), 65001);
  });

  await step("a switch is pressed with the keyboard alone", async () => {
    await page.reload();
    for (let at = 0; at < 40; at++) {
      await page.keyboard.press("Tab");
      const label = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
      if (label !== "Disable Alan Turing") continue;
      assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
      await page.keyboard.press("Enter");
      await button(page, "Enable Alan Turing").waitFor();
      return;
    }
    assert.fail("the switch cannot be reached");
  });

  await step("the frame by itself is readable too", async () => {
    const alone = await people.newPage();
    await alone.goto(`${entra.url}/_emulator/live?paused`);
    await alone.getByRole("heading", { name: "Journal" }).waitFor();
    await look(alone, "live");
    assert.deepEqual(refused, []);
  });
});
