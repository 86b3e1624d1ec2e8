// How long entries stay: the fields .NET keeps beside them, and what the server has left.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { fromEntra, USER_READ } from "./words.mjs";

const [HOUR, DAY] = [3600, 86400];
/** What two calls one after the other may differ by, in seconds. */
const SLACK = 5;

/** Options of .NET's adapter and of ours, with the same meaning. */
const OPTIONS = [
  { what: "no options", more: [], tokenCache: {} },
  { what: "a sliding window", more: ["--sliding", String(HOUR)], tokenCache: { SlidingExpiration: "01:00:00" } },
  { what: "a relative end", more: ["--absolute", String(DAY)], tokenCache: { AbsoluteExpirationRelativeToNow: "1.00:00:00" } },
  {
    what: "both",
    more: ["--sliding", String(HOUR), "--absolute", String(DAY)],
    tokenCache: { SlidingExpiration: "01:00:00", AbsoluteExpirationRelativeToNow: "1.00:00:00" },
  },
];

export async function expiry(step, world, { theirs, ours, redis }) {
  const scopes = USER_READ;
  const key = async (act) => {
    const before = await redis.keys();
    const said = fromEntra(await act());
    const [added, ...more] = (await redis.keys()).filter((key) => !before.includes(key));
    assert.deepEqual(more, []);
    return { said, expiry: await redis.expiry(added) };
  };
  const near = (one, other, what) => {
    if (one === null || other === null) assert.equal(one, other, what);
    else assert.ok(Math.abs(one - other) <= SLACK, `${what}: ${one} and ${other}`);
  };
  const same = (one, other, what) => {
    for (const part of ["absolute", "sliding", "left"]) near(one[part], other[part], `${what}, ${part}`);
  };

  await step("what we write stays as long as what .NET writes", async () => {
    await world.entra.setTokenLifetime("barbara", HOUR); // otherwise each token has another life
    for (const { what, more, tokenCache } of OPTIONS) {
      const peer = ours.peer(tokenCache);
      const ask = async (side, command) => {
        const assertion = await world.tokenForApi("barbara", ".default");
        return key(() => side.ask({ scopes, assertion, ...command, ...(side === theirs ? { more } : {}) }));
      };
      const obo = [await ask(theirs, { do: "obo" }), await ask(peer, { do: "obo" })];
      same(obo[0].expiry, obo[1].expiry, `${what}, on-behalf-of`);
      const [there, here] = [
        await ask(theirs, { do: "start", session_key: randomUUID() }),
        await ask(peer, { do: "start", session_key: randomUUID() }),
      ];
      same(there.expiry, here.expiry, `${what}, long-running`);
    }
    await world.entra.setTokenLifetime("barbara", null);
  });
}
