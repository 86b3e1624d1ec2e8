// On-behalf-of and long-running processes, begun on one side and continued on the other.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import { exchange } from "../lib/person.mjs";
import { ON_BEHALF_OF } from "../lib/world.mjs";
import { actedFor, fromCache, fromEntra, SHORT, USER_READ } from "./words.mjs";

export async function onBehalf(step, world, { theirs, ours, redis }) {
  const { entra } = world;
  const peer = ours.peer();
  const barbara = entra.user("barbara");
  const scopes = USER_READ;
  const call = async (url, token) => {
    const { status, body } = await exchange(url, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(status, 200, body);
    return JSON.parse(body);
  };
  /** The keys that `act` adds. */
  const added = async (act) => {
    const before = await redis.keys();
    await act();
    return (await redis.keys()).filter((key) => !before.includes(key));
  };

  await step("on behalf of barbara: what one side asked for, the other has", async () => {
    for (const [first, second] of [[theirs, peer], [peer, theirs]]) {
      const assertion = await world.tokenForApi("barbara", ".default");
      const one = await world.asking([[ON_BEHALF_OF, "barbara", 0]], () => first.ask({ do: "obo", scopes, assertion }));
      const other = await world.asking([], () => second.ask({ do: "obo", scopes, assertion }));
      assert.equal(fromCache(other).token, fromEntra(one).token);
    }
  });

  await step("a long-running process that .NET started is continued here, refreshed here, and continued there", async () => {
    const session_key = randomBytes(24).toString("base64");
    const assertion = await world.tokenForApi("barbara", ".default");
    await entra.setTokenLifetime("barbara", SHORT);
    const start = () => theirs.ask({ do: "start", scopes, assertion, session_key });
    fromEntra(await world.asking([[ON_BEHALF_OF, "barbara", 0]], start));
    await entra.setTokenLifetime("barbara", null);
    const go = { do: "continue", scopes, session_key };
    const here = fromEntra(await world.asking([["refresh_token", "barbara", 0]], () => peer.ask(go)));
    assert.equal(fromCache(await world.asking([], () => theirs.ask(go))).token, here.token);
    // Who only has the store finds her by it, and ends it.
    const row = actedFor(await world.asking([], () => ours.work()), barbara);
    assert.equal(row.grant, "long-running");
    assert.deepEqual(await peer.ask({ do: "stop", session_key }), { stopped: true });
    const { refused } = await world.asking([], () => theirs.ask(go));
    assert.deepEqual([refused?.type, refused?.error], ["MsalClientException", "obo_cache_key_not_in_cache_error"]);
  });

  await step("one that we started is continued there, refreshed there, and continued here", async () => {
    const session_key = randomBytes(24).toString("base64");
    const assertion = await world.tokenForApi("barbara", ".default");
    await entra.setTokenLifetime("barbara", SHORT);
    const start = () => peer.ask({ do: "start", scopes, assertion, session_key });
    const keys = await added(async () => fromEntra(await world.asking([[ON_BEHALF_OF, "barbara", 0]], start)));
    assert.deepEqual(keys, [session_key], "named by the session key as it is");
    await entra.setTokenLifetime("barbara", null);
    const go = { do: "continue", scopes, session_key };
    const there = fromEntra(await world.asking([["refresh_token", "barbara", 0]], () => theirs.ask(go)));
    const fresh = ours.peer();
    assert.equal(fromCache(await world.asking([], () => fresh.ask(go))).token, there.token);
    await theirs.ask({ do: "stop", session_key });
    const { refused } = await world.asking([], () => ours.peer().ask(go));
    assert.equal(refused?.type, "InteractionRequired");
  });

  await step("of our web API's caller .NET goes on, by the key in the store", async () => {
    const [api, token] = [`${await ours.serve("web-api")}/api/profile`, await world.tokenForApi("barbara", "Profile.Read")];
    const [session_key, ...others] = await added(() => world.asking([[ON_BEHALF_OF, "barbara", 0]], () => call(api, token)));
    assert.deepEqual(others, []);
    fromCache(await world.asking([], () => theirs.ask({ do: "continue", scopes, session_key })));
    await theirs.ask({ do: "stop", session_key });
  });

  await step("of .NET's web API's caller we go on", async () => {
    const session_key = randomBytes(24).toString("base64url");
    const api = `${await theirs.serve("api", "--long-running", "--session-key", session_key)}/api/profile`;
    const token = await world.tokenForApi("barbara", "Profile.Read");
    const said = await world.asking([[ON_BEHALF_OF, "barbara", 0]], () => call(api, token));
    assert.equal(said.session_key, session_key);
    fromCache(await world.asking([], () => ours.peer().ask({ do: "continue", scopes, session_key })));
    const row = actedFor(await world.asking([], () => ours.work()), barbara);
    assert.equal(row.grant, "long-running");
  });
}
