// The one story that every client library tells. What happened is read from the emulator's journal.
import assert from "node:assert/strict";

import { ON_BEHALF_OF, REDIRECT_URI } from "./world.mjs";

const USER_READ = ["User.Read"];
const DEFAULT = ["https://graph.microsoft.com/.default"];

/**
 * Plays the story, each `step` under a name. `witness.ask` does one thing with the library and answers
 * `{ token, source, account, username }` or `{ refused: { type, error, aadsts, suberror } }`; `refusals` names the library's types
 * for "the app is wrong" and "the user must act".
 */
export async function story(step, world, witness, refusals) {
  const { entra } = world;
  const ada = entra.user("ada");
  const account_id = `${ada.oid}.${entra.about.tenant_id}`;
  const fromCache = (said) => assert.equal(said.source, "cache", JSON.stringify(said.refused));
  const fromEntra = (said) => assert.equal(said.source, "entra", JSON.stringify(said.refused));

  const signIn = async () => {
    const { url } = await witness.ask({ do: "begin", scopes: USER_READ });
    assert.match(url, /[?&]code_challenge_method=S256(&|$)/);
    const returned = await world.person("ada").visit(url, REDIRECT_URI);
    const redeem = () => witness.ask({ do: "redeem", scopes: USER_READ, returned });
    const said = await world.asking([["authorization_code", "ada", 0]], redeem);
    fromEntra(said);
    return said;
  };

  await step("a wrong secret is refused with AADSTS7000215, in the library's own words", async () => {
    const act = () => witness.ask({ do: "app", scopes: DEFAULT, secret: "not the secret" });
    const { refused } = await world.asking([["client_credentials", null, 7000215]], act);
    const { type, error, aadsts } = refused;
    assert.deepEqual({ type, error, aadsts }, { type: refusals.app, error: "invalid_client", aadsts: 7000215 });
  });

  await step("client credentials: one request, then none", async () => {
    const act = () => witness.ask({ do: "app", scopes: DEFAULT });
    fromEntra(await world.asking([["client_credentials", null, 0]], act));
    fromCache(await world.asking([], act));
  });

  await step("ada signs in by code and PKCE", async () => {
    const said = await signIn();
    assert.deepEqual([said.account, said.username], [account_id, ada.upn]);
    assert.equal(await world.graphSays(said.token), "Ada Lovelace");
  });

  let first;
  await step("silent: from the cache, without a request", async () => {
    first = await world.asking([], () => witness.ask({ do: "silent", scopes: USER_READ, account_id }));
    fromCache(first);
    assert.equal(await world.graphSays(first.token), "Ada Lovelace");
  });

  await step("forced: one refresh, another token", async () => {
    const act = () => witness.ask({ do: "silent", scopes: USER_READ, account_id, force: true });
    const said = await world.asking([["refresh_token", "ada", 0]], act);
    fromEntra(said);
    assert.notEqual(said.token, first.token);
    assert.equal(await world.graphSays(said.token), "Ada Lovelace");
  });

  await step("on behalf of edsger: one request", async () => {
    const assertion = await world.tokenForApi("edsger", ".default");
    const act = () => witness.ask({ do: "obo", scopes: USER_READ, assertion });
    const said = await world.asking([[ON_BEHALF_OF, "edsger", 0]], act);
    fromEntra(said);
    assert.equal(await world.graphSays(said.token), "Edsger Dijkstra");
  });

  await step("on behalf of alan, who has not consented: interaction required", async () => {
    const assertion = await world.tokenForApi("alan", "Profile.Read");
    const act = () => witness.ask({ do: "obo", scopes: USER_READ, assertion });
    const { refused } = await world.asking([[ON_BEHALF_OF, "alan", 65001]], act);
    assert.deepEqual(refused, { type: refusals.user, error: "invalid_grant", aadsts: 65001, suberror: "consent_required" });
  });

  await step("ada's sessions are revoked: interaction required, and one request", async () => {
    await entra.revokeSessions("ada");
    const act = () => witness.ask({ do: "silent", scopes: USER_READ, account_id, force: true });
    const { refused } = await world.asking([["refresh_token", "ada", 50173]], act);
    assert.deepEqual(refused, { type: refusals.user, error: "invalid_grant", aadsts: 50173, suberror: "bad_token" });
  });

  await step("ada signs in again, and can be refreshed", async () => {
    await signIn();
    const act = () => witness.ask({ do: "silent", scopes: USER_READ, account_id, force: true });
    fromEntra(await world.asking([["refresh_token", "ada", 0]], act));
  });
}
