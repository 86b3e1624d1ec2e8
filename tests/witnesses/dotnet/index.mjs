// MSAL.NET and Microsoft.Identity.Web, in a program that is not of this repository; see README.md.
import { story } from "../lib/story.mjs";
import { api } from "./api.mjs";
import { program, redis } from "./program.mjs";
import { web } from "./web.mjs";
import { Witness } from "./witness.mjs";

export { missing, optional } from "./program.mjs";

export const title = "MSAL.NET and Microsoft.Identity.Web";

export async function play(step, world) {
  const witness = new Witness(world, await program(), { store: `redis:127.0.0.1:${await redis(world)};instance=absentia:` });
  await story(step, world, witness, { app: "MsalServiceException", user: "MsalUiRequiredException" });
  await web(step, world, witness);
  await api(step, world, witness);
}
