// What the scenes have in common.
import assert from "node:assert/strict";

export const USER_READ = ["User.Read"];
/** Life of access tokens that are past their use at once, for us and for MSAL.NET. Seconds. */
export const SHORT = 120;

export function accountOf(world, name) {
  return `${world.entra.user(name).oid}.${world.entra.about.tenant_id}`;
}

export function fromCache(said) {
  assert.equal(said.source, "cache", JSON.stringify(said.refused ?? said.source));
  return said;
}

export function fromEntra(said) {
  assert.equal(said.source, "entra", JSON.stringify(said.refused ?? said.source));
  return said;
}

/** .NET's two ways to say that the user must act. */
export function mustSignIn(said) {
  assert.equal(said.refused?.type, "MsalUiRequiredException", JSON.stringify(said.refused ?? said.source));
}

/** What the worker's pass did for her. */
export function actedFor(pass, user) {
  const told = JSON.stringify(pass);
  assert.equal(pass.stopped, null, told);
  const row = pass.succeeded.find(({ account_id }) => account_id.startsWith(user.oid));
  assert.ok(row, told);
  return row;
}

/** Waits for what is to become so, looking every 50 ms: how long that took, in ms. */
export async function within(limit, what, look) {
  const began = Date.now();
  for (;;) {
    if (await look()) return Date.now() - began;
    if (Date.now() - began > limit) assert.fail(`not within ${limit} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
