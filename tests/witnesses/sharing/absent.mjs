// Who signed in on one side is acted for on the other.
import assert from "node:assert/strict";

import { accountOf, actedFor, fromCache, fromEntra, SHORT, USER_READ } from "./words.mjs";

export async function absent(step, world, { theirs, ours }) {
  const { entra } = world;
  const [grace, ada] = [world.person("grace"), world.person("ada")];
  const peer = ours.peer();
  const silent = (name, more) => ({ do: "silent", scopes: USER_READ, account_id: accountOf(world, name), ...more });

  const theirApp = await theirs.serve("web");
  await step("grace signs in to .NET's web app; our worker acts for her in its next pass, from what .NET stored", async () => {
    await world.asking([["authorization_code", "grace", 0]], () => grace.visit(`${theirApp}/`));
    const row = actedFor(await world.asking([], () => ours.work()), grace.user);
    assert.deepEqual([row.grant, row.token_source, row.username], ["account", "cache", grace.user.upn]);
  });

  await step("her token is past its use: our worker refreshes, and .NET finds the new one", async () => {
    await entra.setTokenLifetime("grace", SHORT);
    fromEntra(await world.asking([["refresh_token", "grace", 0]], () => theirs.ask(silent("grace", { force: true }))));
    await entra.setTokenLifetime("grace", null);
    const row = actedFor(await world.asking([["refresh_token", "grace", 0]], () => ours.work()), grace.user);
    assert.equal(row.token_source, "identity provider");
    const [there, here] = await world.asking([], async () => [await theirs.ask(silent("grace")), await peer.ask(silent("grace"))]);
    assert.equal(fromCache(there).token, fromCache(here).token);
    assert.equal(await world.graphSays(there.token), "Grace Hopper");
  });

  await step(".NET's web app goes on, and refreshes beside us", async () => {
    const { status, body } = await world.asking([], () => grace.visit(`${theirApp}/me`));
    assert.deepEqual([status, JSON.parse(body).token.token_source], [200, "Cache"]);
    const said = fromEntra(await world.asking([["refresh_token", "grace", 0]], () => theirs.ask(silent("grace", { force: true }))));
    actedFor(await world.asking([], () => ours.work()), grace.user);
    const fresh = ours.peer();
    assert.equal(fromCache(await world.asking([], () => fresh.ask(silent("grace")))).token, said.token);
  });

  const ourApp = await ours.serve("web-app");
  const home = () => ada.visit(`${ourApp}/`);
  await step("ada signs in to our web app; .NET's worker has her token from the cache", async () => {
    const { status, body } = await world.asking([["authorization_code", "ada", 0]], () => ada.visit(`${ourApp}/sign-in`));
    assert.equal(status, 200, body);
    const { subjects } = await world.asking([], () => theirs.worker("User.Read", accountOf(world, "ada")));
    assert.deepEqual(subjects.map(({ source }) => source), ["Cache"], JSON.stringify(subjects));
    assert.equal(fromCache(await world.asking([], () => theirs.ask(silent("ada")))).username, ada.user.upn);
  });

  await step(".NET refreshes, and our web app and worker go on", async () => {
    await entra.setTokenLifetime("ada", SHORT);
    fromEntra(await world.asking([["refresh_token", "ada", 0]], () => theirs.ask(silent("ada", { force: true }))));
    await entra.setTokenLifetime("ada", null);
    const row = actedFor(await world.asking([["refresh_token", "ada", 0]], () => ours.work()), ada.user);
    assert.equal(row.token_source, "identity provider");
    const { status, body } = await world.asking([], home);
    assert.equal(status, 200);
    assert.match(body, /Ada Lovelace/);
    fromCache(await world.asking([], () => theirs.ask(silent("ada"))));
  });
}
