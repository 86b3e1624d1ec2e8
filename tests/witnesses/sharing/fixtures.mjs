// What .NET once wrote (tests/compat/dotnet) is read and written again by us, and then used by .NET, without a network.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { run } from "../../e2e/lib/processes.mjs";
import { root } from "../lib/world.mjs";

const TIMES = ["expires_on", "extended_expires_on", "ext_expires_on", "refresh_on"];
/**
 * Not of those that plain requests cannot ask for, bound to a key or to more than scopes; nor of a generic OIDC authority, which
 * has no tenant, and whose metadata MSAL would fetch.
 */
const isPlain = ({ ext, token_type, realm }) => realm && ext === undefined && (token_type ?? "Bearer") === "Bearer";
const OWN = ["openid", "profile", "offline_access"];

/** What .NET is asked for, to get this token. */
function want(token) {
  const scopes = token.target.split(" ").filter((scope) => !OWN.includes(scope)).slice(0, 1);
  // A plain on-behalf-of is found by its assertion's hash as a long-running process by its key: they share their names.
  if (token.user_assertion_hash) return { session_key: token.user_assertion_hash, scopes };
  return token.home_account_id ? { home_account_id: token.home_account_id, scopes } : { app: true, scopes };
}

export async function fixtures(step, world, dotnet, ours) {
  const folder = join(root, "tests/compat/dotnet");
  const names = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  await step(`${names.length} entries that .NET wrote, written again by us, are used by .NET`, async () => {
    await ours.create();
    const peer = ours.peer();
    const later = String(Math.floor(Date.now() / 1000) + 86400);
    const cases = [];
    for (const name of names) {
      // Nothing else than that its tokens are still good.
      const moved = readFileSync(join(folder, name), "utf8").replace(
        new RegExp(`"(${TIMES.join("|")})":"\\d+"`, "g"),
        (_, member) => `"${member}":"${later}"`,
      );
      const [from, to] = [join(world.folder, `from-${name}`), join(world.folder, name)];
      writeFileSync(from, moved);
      assert.deepEqual(await peer.ask({ do: "rewrite", from, to }), { read: true }, name);
      for (const token of Object.values(JSON.parse(moved).AccessToken ?? {}).filter(isPlain)) {
        cases.push({ name, to, token, wants: join(world.folder, `wants-${cases.length}.json`) });
      }
    }
    assert.ok(cases.length >= 50, `only ${cases.length} tokens`);
    const lane = async () => {
      for (let next = cases.pop(); next; next = cases.pop()) await use(dotnet, next);
    };
    await Promise.all([lane(), lane()]);
  });
}

async function use(dotnet, { name, to, token, wants }) {
  writeFileSync(wants, JSON.stringify([want(token)]));
  const host = token.environment === "localhost" ? "localhost:8443" : "login.microsoftonline.com";
  const args = ["blob", "read", to, "--authority", `https://${host}/${token.realm}`, "--client-id", token.client_id, "--wants", wants];
  if (host !== "localhost:8443") args.push("--instance-discovery", "public");
  const said = JSON.parse(await run("the witness's \"blob read\"", dotnet, args, { codes: [0, 2] }));
  const [{ hit, result, error }] = said.wants ?? [said];
  assert.ok(hit, `${name}, ${token.target}: ${JSON.stringify(error)}`);
  assert.equal(result.access_token_sha256, createHash("sha256").update(token.secret).digest("hex"), name);
}
