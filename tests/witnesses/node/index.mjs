// msal-node, as the lock file has it.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "../../e2e/lib/processes.mjs";
import { Conversation } from "../lib/conversation.mjs";
import { answers, installed } from "../lib/install.mjs";
import { story } from "../lib/story.mjs";
import { REDIRECT_URI } from "../lib/world.mjs";

const FILES = ["package.json", "package-lock.json", ".npmrc", "witness.mjs"];
const here = fileURLToPath(new URL(".", import.meta.url));

export const title = "msal-node";

export function missing() {
  return answers("npm", "--version") ? undefined : "npm is not installed";
}

export async function play(step, world) {
  const source = FILES.map((file) => readFileSync(join(here, file), "utf8")).join("");
  const folder = await installed("node", source, async (folder) => {
    for (const file of FILES) cpSync(join(here, file), join(folder, file));
    await run("npm ci", "npm", ["ci", "--ignore-scripts"], { cwd: folder });
  });
  const settings = { ...world.app, authority: world.entra.about.authority, redirect_uri: REDIRECT_URI };
  const environment = { NODE_EXTRA_CA_CERTS: world.entra.about.ca_file };
  const witness = new Conversation(process.execPath, [join(folder, "witness.mjs"), JSON.stringify(settings)], environment);
  world.later(() => witness.close());
  await story(step, world, witness, { app: "ServerError", user: "InteractionRequiredAuthError" });
}
