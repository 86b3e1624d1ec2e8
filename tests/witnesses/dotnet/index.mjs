// MSAL.NET and Microsoft.Identity.Web, in a program that is not of this repository; see README.md.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freePort, run, start } from "../../e2e/lib/processes.mjs";
import { answers, installed } from "../lib/install.mjs";
import { story } from "../lib/story.mjs";
import { api } from "./api.mjs";
import { Witness } from "./witness.mjs";
import { web } from "./web.mjs";

const shared = process.env.ABSENTIA_SHARED;
const archive = shared && join(shared, "witness-dotnet/absentia-witness-dotnet-linux-x64.tar.xz");
const runsHere = process.platform === "linux" && process.arch === "x64";

export const title = "MSAL.NET and Microsoft.Identity.Web";
/** Who does not have the program, or could not run it, is not asked to. */
export const optional = !shared || !runsHere;

export function missing() {
  if (!shared) return "ABSENTIA_SHARED names no folder with the program";
  if (!runsHere) return "the program is for Linux on x64";
  if (!existsSync(archive)) return `${archive} is not there`;
  if (!answers("xz", "--version")) return "xz is not installed (Debian's package xz-utils)";
  if (!answers("redis-server", "--version")) return "redis-server is not installed";
}

export async function play(step, world) {
  const folder = await installed("dotnet", readFileSync(archive), (folder) => run("tar", "tar", ["xf", archive, "-C", folder]));
  const program = join(folder, "absentia-witness-dotnet/absentia-witness-dotnet");
  const port = await freePort();
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--dir", world.folder, "--save", "", "--appendonly", "no"];
  const redis = await start("redis-server", "redis-server", options, (line) => (line.includes("Ready to accept") ? true : undefined));
  world.later(redis.stop);
  const witness = new Witness(world, program, `redis:127.0.0.1:${port};instance=absentia:`);
  await story(step, world, witness, { app: "MsalServiceException", user: "MsalUiRequiredException" });
  await web(step, world, witness);
  await api(step, world, witness);
}
