// The .NET program, and the Redis it keeps its cache in: neither is of this repository.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freePort, run, start } from "../../e2e/lib/processes.mjs";
import { answers, installed } from "../lib/install.mjs";

const shared = process.env.ABSENTIA_SHARED;
const archive = shared && join(shared, "witness-dotnet/absentia-witness-dotnet-linux-x64.tar.xz");
const runsHere = process.platform === "linux" && process.arch === "x64";

/** Who does not have the program, or could not run it, is not asked to. */
export const optional = !shared || !runsHere;

export function missing() {
  if (!shared) return "ABSENTIA_SHARED names no folder with the program";
  if (!runsHere) return "the program is for Linux on x64";
  if (!existsSync(archive)) return `${archive} is not there`;
  if (!answers("xz", "--version")) return "xz is not installed (Debian's package xz-utils)";
  if (!answers("redis-server", "--version")) return "redis-server is not installed";
}

/** Where the program is, unpacked when it is not yet. */
export async function program() {
  const folder = await installed("dotnet", readFileSync(archive), (folder) => run("tar", "tar", ["xf", archive, "-C", folder]));
  return join(folder, "absentia-witness-dotnet/absentia-witness-dotnet");
}

/** A Redis of the test's own, until its world is closed: its port. */
export async function redis(world) {
  const port = await freePort();
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--dir", world.folder, "--save", "", "--appendonly", "no"];
  const server = await start("redis-server", "redis-server", options, (line) => (line.includes("Ready to accept") ? true : undefined));
  world.later(server.stop);
  return port;
}
