// Microsoft.Identity.Web's web app: sign-in by form_post through the emulator's pages, Graph with the user's token, sign-out.
import assert from "node:assert/strict";

/** Life of access tokens that are past their use at once, so that every call must refresh. Seconds. */
const SHORT = 120;

export async function web(step, world, witness) {
  const { entra } = world;
  const url = await witness.serve("web");
  const grace = world.person("grace");
  const account = `${grace.user.oid}.${entra.about.tenant_id}`;
  const open = async (path) => {
    const { status, body } = await grace.visit(`${url}${path}`);
    return { status, said: JSON.parse(body) };
  };

  await step("web app: grace signs in through the emulator's pages", async () => {
    const { status, said } = await world.asking([["authorization_code", "grace", 0]], () => open("/"));
    assert.deepEqual([status, said.name, said.home_account_id], [200, grace.user.upn, account]);
  });

  await step("web app: Graph, with a token from the cache", async () => {
    const { status, said } = await world.asking([], () => open("/me"));
    assert.deepEqual([status, said.token.token_source, said.profile.displayName], [200, "Cache", "Grace Hopper"]);
  });

  await step("web app: sign-out ends the emulator's session, and comes back", async () => {
    await entra.setTokenLifetime("grace", SHORT);
    // The app asks for a sign-in at once; it would be over without a word if the session were still there.
    const before = await entra.now();
    const { status, said } = await world.asking([["authorization_code", "grace", 0]], () => open("/signout"));
    assert.deepEqual([status, said.name], [200, grace.user.upn]);
    const pages = (await entra.journal(before)).filter(({ endpoint }) => ["logout", "authorize"].includes(endpoint));
    assert.deepEqual(pages.map(({ path }) => path.split("/").at(-1)), ["logout", "authorize", "login"]);
  });

  await step("web app: a short token is refreshed for Graph", async () => {
    const { status, said } = await world.asking([["refresh_token", "grace", 0]], () => open("/me"));
    assert.deepEqual([status, said.token.token_source, said.profile.displayName], [200, "IdentityProvider", "Grace Hopper"]);
  });

  await step("web app: revoked, it asks for a sign-in, and goes on", async () => {
    await entra.revokeSessions("grace");
    const refused = await world.asking([["refresh_token", "grace", 50173]], () => open("/me?nochallenge"));
    assert.equal(refused.status, 401);
    assert.match(refused.said.error.type, /MsalUiRequiredException$/);
    const again = [["refresh_token", "grace", 50173], ["authorization_code", "grace", 0], ["refresh_token", "grace", 0]];
    const { status, said } = await world.asking(again, () => open("/me"));
    assert.deepEqual([status, said.profile.displayName], [200, "Grace Hopper"]);
  });
}
