// The same story through the web app's own pages, without a script of ours in the browser.
import assert from "node:assert/strict";

import { signInAt, WIDE } from "../lib/browser.mjs";
import { scene } from "../lib/scene.mjs";

const SHORT = 120;
const of = (user) => (entry) => entry.user?.upn === user.upn;

export default scene(async (step, world, look) => {
  const { entra, browser } = world;
  const ada = entra.user("ada");
  const grace = entra.user("grace");
  await entra.setTokenLifetime("grace", SHORT);
  let app = await world.startApp();
  world.later(app.stop);
  // A person each, in a browser profile of her own.
  const hers = { ada: await browser.newContext({ viewport: WIDE }), grace: await browser.newContext({ viewport: WIDE }) };
  const pages = { ada: await hers.ada.newPage(), grace: await hers.grace.newPage() };

  await step("the first page says what it is for", async () => {
    await pages.ada.goto(app.found);
    await pages.ada.getByRole("link", { name: "Sign in" }).waitFor();
    await look(pages.ada, "welcome");
  });

  for (const [name, full] of [["ada", "Ada Lovelace"], ["grace", "Grace Hopper"]]) {
    await step(`${name} signs in and sees her profile`, async () => {
      const page = pages[name];
      await page.goto(app.found);
      await page.getByRole("link", { name: "Sign in" }).click();
      await signInAt(page, entra.user(name));
      await page.getByRole("heading", { name: full }).waitFor();
      assert.equal(new URL(page.url()).origin, new URL(app.found).origin);
      assert.doesNotMatch(page.url(), /code=|state=/);
      assert.ok(!/eyJ[\w-]+\.[\w-]+\./.test(await page.content()), "a token is in the page");
      await look(page, `profile-${name}`);
    });
  }

  await step("each sees herself alone", async () => {
    await pages.ada.reload();
    assert.doesNotMatch(await pages.ada.locator("main").innerText(), /grace|hopper/i);
    assert.match(await pages.ada.locator("main").innerText(), /Ada Lovelace/);
  });

  await step("scripts can read none of the app's cookies", async () => {
    const cookies = (await hers.ada.cookies()).filter((cookie) => !cookie.name.startsWith("ESTS"));
    assert.ok(cookies.length > 0);
    const names = cookies.map((cookie) => cookie.name).join();
    assert.ok(cookies.every((cookie) => cookie.httpOnly && cookie.secure && cookie.name.startsWith("__Host-")), names);
  });

  await step("a page that is not there says so", async () => {
    await pages.ada.goto(new URL("/nowhere", app.found).href);
    await pages.ada.getByRole("heading", { name: "There is no such page" }).waitFor();
    await look(pages.ada, "not-found");
  });

  await step("the app stops; the worker acts for both, without a sign-in", async () => {
    await app.stop();
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username).sort(), [ada.upn, grace.upn]);
    const journal = await entra.journal(before);
    assert.equal(journal.filter((entry) => entry.endpoint === "authorize").length, 0);
    for (const user of [ada, grace]) {
      const served = journal.filter((entry) => entry.endpoint === "graph" && entry.status === 200).filter(of(user));
      assert.equal(served.length, 1, `Graph served ${user.upn} ${served.length} times`);
    }
  });

  await step("grace's sessions are revoked; the worker reports her and acts for ada", async () => {
    await entra.revokeSessions("grace");
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username), [ada.upn]);
    assert.deepEqual(pass.failed.map((row) => [row.username, row.state, row.reason]), [[grace.upn, "needs-sign-in", "AADSTS50173"]]);
  });

  await step("she returns, must sign in, and the worker acts for her again", async () => {
    app = await world.startApp();
    world.later(app.stop);
    await pages.grace.goto(app.found);
    await signInAt(pages.grace, grace, { consent: false });
    await pages.grace.getByRole("heading", { name: "Grace Hopper" }).waitFor();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username).sort(), [ada.upn, grace.upn]);
    assert.deepEqual([pass.failed, pass.waiting], [[], []]);
  });

  await step("she signs out, and the worker no longer acts for her", async () => {
    await pages.grace.getByRole("button", { name: "Sign out" }).click();
    await pages.grace.getByRole("link", { name: "Sign in" }).waitFor();
    await look(pages.grace, "signed-out");
    const before = await entra.now();
    const pass = await world.work();
    assert.deepEqual(pass.succeeded.map((row) => row.username), [ada.upn]);
    assert.equal((await entra.journal(before)).filter(of(grace)).length, 0);
  });

  await step("ada signs out at Entra, and the app, told in a hidden frame, knows", async () => {
    await pages.ada.goto(app.found);
    await pages.ada.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
    const told = pages.ada.waitForResponse((response) => response.url().includes("/signout-oidc?sid="));
    await pages.ada.goto(`${entra.about.authority}/oauth2/v2.0/logout`);
    await pages.ada.getByRole("heading", { name: "You signed out" }).waitFor();
    assert.equal((await told).status(), 200);
    await pages.ada.goto(app.found);
    await pages.ada.getByRole("link", { name: "Sign in" }).waitFor();
  });
});
