// Microsoft.Identity.Web's web API: callers' tokens checked with the emulator's keys, Graph on behalf of them.
import assert from "node:assert/strict";

import { exchange } from "../lib/person.mjs";
import { ON_BEHALF_OF } from "../lib/world.mjs";

/** As in the web app's scene: a token that is past its use at once. Seconds. */
const SHORT = 120;

export async function api(step, world, witness) {
  const { entra } = world;
  // Alan has consented to the API alone, barbara to what it asks of Graph too.
  const [barbara, alan] = [await world.tokenForApi("barbara", ".default"), await world.tokenForApi("alan", "Profile.Read")];
  const call = async (url, token) => {
    const { status, body } = await exchange(url, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    return { status, said: body ? JSON.parse(body) : undefined };
  };

  const plain = `${await witness.serve("api")}/api/profile`;
  const longRunning = `${await witness.serve("api", "--long-running")}/api/profile`;

  await step("web API: on behalf of barbara, then from the cache", async () => {
    const first = await world.asking([[ON_BEHALF_OF, "barbara", 0]], () => call(plain, barbara));
    assert.deepEqual([first.status, first.said.profile.displayName], [200, "Barbara Liskov"]);
    const second = await world.asking([], () => call(plain, barbara));
    assert.deepEqual([second.status, second.said.token.token_source], [200, "Cache"]);
  });

  await step("web API: nobody's call and a token for another API get 401, and ask for nothing", async () => {
    const { token: forGraph } = await witness.ask({ do: "app", scopes: ["https://graph.microsoft.com/.default"] });
    for (const token of [undefined, forGraph]) {
      const { status } = await world.asking([], () => call(plain, token));
      assert.equal(status, 401);
    }
  });

  await step("web API: alan's consent is missing", async () => {
    const { status, said } = await world.asking([[ON_BEHALF_OF, "alan", 65001]], () => call(plain, alan));
    assert.deepEqual([status, said.error.suberror], [401, "consent_required"]);
    assert.match(said.error.type, /MsalUiRequiredException$/);
  });

  await step("web API: long-running, on behalf of barbara; then another process goes on without her, by refresh", async () => {
    await entra.setTokenLifetime("barbara", SHORT);
    const { status, said } = await world.asking([[ON_BEHALF_OF, "barbara", 0]], () => call(longRunning, barbara));
    assert.deepEqual([status, said.profile.displayName], [200, "Barbara Liskov"]);
    const { session_key } = said;
    const later = () => witness.ask({ do: "continue", scopes: ["User.Read"], session_key });
    const { token } = await world.asking([["refresh_token", "barbara", 0]], later);
    assert.equal(await world.graphSays(token), "Barbara Liskov");
  });
}
