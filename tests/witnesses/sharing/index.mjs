// Microsoft.Identity.Web's programs and ours over one Redis, plain and protected; see README.md.
import { existsSync } from "node:fs";
import { join } from "node:path";

import { missing as dotnetMissing, program, redis } from "../dotnet/program.mjs";
import { Witness } from "../dotnet/witness.mjs";
import { answers } from "../lib/install.mjs";
import { built } from "../lib/world.mjs";
import { absent } from "./absent.mjs";
import { expiry } from "./expiry.mjs";
import { fixtures } from "./fixtures.mjs";
import { onBehalf } from "./on-behalf.mjs";
import { Ours, programs } from "./ours.mjs";
import { Redis } from "./redis.mjs";
import { refreshes } from "./refreshes.mjs";
import { signOut } from "./sign-out.mjs";

export { optional } from "../dotnet/program.mjs";

export const title = "One cache with Microsoft.Identity.Web";

export function missing() {
  const unbuilt = programs.find((name) => !existsSync(built(name)));
  if (unbuilt) return `${unbuilt} is not built (cargo build --workspace --all-features --bins)`;
  return dotnetMissing() ?? (answers("redis-cli", "--version") ? undefined : "redis-cli is not installed");
}

const APPLICATION = "Contoso";
const LIST = "DataProtection-Keys";

export async function play(step, world) {
  const [dotnet, port] = [await program(), await redis(world)];
  const server = `127.0.0.1:${port}`;
  const folder = join(world.folder, "ring");
  const ways = [
    { name: "plain", protect: "none", sections: { TokenCache: { Encrypt: false } } },
    {
      name: "ring in a folder",
      protect: `dp:${folder};app=${APPLICATION}`,
      sections: { TokenCache: { Encrypt: true }, DataProtection: { ApplicationName: APPLICATION, KeyFolder: folder } },
    },
    {
      name: "ring in Redis",
      protect: `dpredis:${server};key=${LIST};app=${APPLICATION}`,
      sections: { TokenCache: { Encrypt: true }, DataProtection: { ApplicationName: APPLICATION, RedisKey: LIST } },
    },
  ];
  for (const { name, protect, sections } of ways) {
    const instance = `${name.replaceAll(" ", "-")}:`;
    const theirs = new Witness(world, dotnet, { store: `redis:${server};instance=${instance}`, protect });
    if (protect !== "none") await theirs.run("new-ring", "--protect", protect);
    const ours = new Ours(world, instance.slice(0, -1), {
      ...sections,
      TokenCache: { Layout: "dotnet", ...sections.TokenCache },
      ConnectionStrings: { TokenCacheRedisConnStr: server, TokenCacheRedisInstanceName: instance },
    });
    await ours.create();
    const named = (what, act) => step(`${name}: ${what}`, act);
    const both = { theirs, ours, redis: new Redis(port, instance) };
    for (const scene of [absent, onBehalf, signOut, refreshes, expiry]) await scene(named, world, both);
  }
  await fixtures(step, world, dotnet, new Ours(world, "fixtures", {
    TokenCache: { Layout: "dotnet", Encrypt: false },
    ConnectionStrings: { TokenCacheRedisConnStr: server, TokenCacheRedisInstanceName: "fixtures:" },
  }));
}
