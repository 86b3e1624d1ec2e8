// Both sides refresh the same users at the same time.
import assert from "node:assert/strict";

import { accountOf, actedFor, fromCache, fromEntra, SHORT, USER_READ } from "./words.mjs";

/** For each of the three ways to protect entries: 30 s together. ms. */
const LASTING = 10_000;
const USERS = ["ada", "grace"];

export async function refreshes(step, world, { theirs, ours }) {
  const { entra } = world;
  const silent = (name, more) => ({ do: "silent", scopes: USER_READ, account_id: accountOf(world, name), ...more });
  // It keeps no record of what the store was asked: that record is not made for two requests at once.
  const theirApp = await theirs.serve("web", "--no-record");

  await step("both refresh for ten seconds: every entry can be read by both, and nobody has two matching tokens", async () => {
    const people = USERS.map((name) => world.person(name));
    for (const person of people) await person.visit(`${theirApp}/`);
    for (const name of USERS) await entra.setTokenLifetime(name, SHORT);
    for (const name of USERS) fromEntra(await theirs.ask(silent(name, { force: true })));

    const [peers, end] = [[ours.peer(), ours.peer()], Date.now() + LASTING];
    const counts = { app: 0, processes: 0, ours: 0, passes: 0 };
    const over = async (side, what) => {
      while (Date.now() < end) {
        await what();
        counts[side]++;
      }
    };
    const before = await entra.now();
    await Promise.all([
      // An app that keeps what it knows in memory and writes it over ours, processes that begin with what is stored, and ours.
      ...people.map((person) => over("app", async () => {
        const { status, body } = await person.visit(`${theirApp}/me?nochallenge`);
        assert.equal(status, 200, body);
      })),
      ...USERS.map((name) => over("processes", async () => {
        const said = await theirs.ask(silent(name));
        assert.equal(said.refused, undefined, JSON.stringify(said.refused));
      })),
      ...peers.map((peer) => over("ours", async () => {
        for (const name of USERS) {
          const said = await peer.ask(silent(name, { force: true }));
          assert.equal(said.refused, undefined, JSON.stringify(said.refused));
        }
      })),
      over("passes", async () => {
        const pass = await ours.work();
        for (const name of USERS) actedFor(pass, entra.user(name));
      }),
    ]);
    assert.ok(counts.app >= 10 && counts.processes >= 2 && counts.ours >= 10 && counts.passes >= 1, JSON.stringify(counts));
    const refused = (await entra.journal(before)).filter(({ endpoint, aadsts }) => endpoint === "token" && aadsts);
    assert.deepEqual(refused, []);

    for (const name of USERS) {
      await entra.setTokenLifetime(name, null);
      const last = fromEntra(await world.asking([["refresh_token", name, 0]], () => theirs.ask(silent(name))));
      const fresh = ours.peer();
      assert.equal(fromCache(await world.asking([], () => fresh.ask(silent(name)))).token, last.token);
    }
    const pass = await world.asking([], () => ours.work());
    for (const name of USERS) assert.equal(actedFor(pass, entra.user(name)).token_source, "cache");
    const adopted = await ours.peer().ask({ do: "adopt" });
    assert.equal(adopted.unreadable, 0, JSON.stringify(adopted));
  });
}
