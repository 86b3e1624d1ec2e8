// A sign-out on one side, as the other sees it.
import assert from "node:assert/strict";

import { accountOf, fromCache, mustSignIn, SHORT, USER_READ, within } from "./words.mjs";

/** How soon our processes must know of a removal: far below the minute after which they would look by themselves. ms. */
const SOON = 10_000;

export async function signOut(step, world, { theirs, ours, redis }) {
  const edsger = world.person("edsger");
  const account_id = accountOf(world, "edsger");
  const silent = { do: "silent", scopes: USER_READ, account_id };
  const theirApp = await theirs.serve("web");
  const me = async (how = "") => {
    const { status, body } = await edsger.visit(`${theirApp}/me${how}`);
    return { status, said: JSON.parse(body) };
  };
  const peer = ours.peer();
  let signedOut;

  await step("edsger signs in to .NET's web app, and is signed out here: a fresh .NET process asks him to sign in", async () => {
    await world.asking([["authorization_code", "edsger", 0]], () => me());
    fromCache(await peer.ask(silent));
    await ours.work(); // it adopts him, so that the command knows his name
    await ours.signOut(edsger.user);
    signedOut = Date.now();
    assert.equal(await redis.expiry(account_id), undefined);
    mustSignIn(await world.asking([], () => theirs.ask(silent)));
    await within(SOON, "a process of ours that had his token in memory refuses", async () => (await peer.ask(silent)).refused);
  });

  await step("a .NET process that has him in memory serves on, as Microsoft.Identity.Web does", async () => {
    const { status, said } = await world.asking([], () => me("?nochallenge"));
    assert.deepEqual([status, said.token.token_source], [200, "Cache"]);
  });

  await step("signed out here, he is not taken up again; signed in there, he is", async () => {
    const pass = await world.asking([], () => ours.work());
    assert.deepEqual(pass.succeeded.filter(({ account_id: id }) => id === account_id), []);
    // When a token was cached is known to the second: a sign-in in that of the sign-out could be from before it.
    await within(5_000, "a second passes", () => Date.now() >= signedOut + 1_000);
    const again = world.person("edsger");
    await world.asking([["authorization_code", "edsger", 0]], () => again.visit(`${theirApp}/`));
    const next = await world.asking([], () => ours.work());
    assert.equal(next.succeeded.filter(({ account_id: id }) => id === account_id).length, 1, JSON.stringify(next));
  });

  await step(".NET removes him: a process of ours that had his token in memory refuses soon after", async () => {
    fromCache(await peer.ask(silent));
    fromCache(await world.asking([], () => peer.ask(silent)));
    await theirs.ask({ do: "sign-out", account_id });
    assert.equal(await redis.expiry(account_id), undefined);
    await within(SOON, "it refuses", async () => (await peer.ask(silent)).refused);
  });

  await step("a .NET process that has him in memory writes him back when it refreshes, whoever signed him out meanwhile", async () => {
    await world.entra.setTokenLifetime("edsger", SHORT);
    const there = world.person("edsger");
    await world.asking([["authorization_code", "edsger", 0]], () => there.visit(`${theirApp}/`));
    assert.deepEqual(await peer.ask({ do: "sign-out", account_id }), { entries: 1 });
    assert.equal(await redis.expiry(account_id), undefined);
    const { status } = await world.asking([["refresh_token", "edsger", 0]], () => there.visit(`${theirApp}/me?nochallenge`));
    assert.equal(status, 200);
    assert.notEqual(await redis.expiry(account_id), undefined);
    await world.entra.setTokenLifetime("edsger", null);
  });
}
