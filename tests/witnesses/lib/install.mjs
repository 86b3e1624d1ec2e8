// What a witness needs, made once and again when what it is made from has changed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { target } from "./world.mjs";

/** A folder below cargo's that `make` has filled from `source`; those of other sources are removed. */
export async function installed(name, source, make) {
  const parent = join(target, "witnesses");
  const folder = join(parent, `${name}-${createHash("sha256").update(source).digest("hex").slice(0, 16)}`);
  const done = join(folder, "complete");
  if (existsSync(done)) return folder;
  mkdirSync(parent, { recursive: true });
  for (const old of readdirSync(parent)) {
    if (old.startsWith(`${name}-`)) rmSync(join(parent, old), { recursive: true });
  }
  mkdirSync(folder);
  await make(folder);
  writeFileSync(done, "");
  return folder;
}

/** Whether the program is there and ends well. */
export function answers(program, ...args) {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}
