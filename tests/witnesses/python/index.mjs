// MSAL Python, in a virtual environment of its own.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "../../e2e/lib/processes.mjs";
import { Conversation } from "../lib/conversation.mjs";
import { answers, installed } from "../lib/install.mjs";
import { story } from "../lib/story.mjs";
import { REDIRECT_URI } from "../lib/world.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

export const title = "MSAL Python";

/** What is pinned was chosen for Python 3.11; older ones need more. */
const CHECK = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";

export function missing() {
  return answers("python3", "-c", CHECK) ? undefined : "python3 from 3.11 on, with venv, is not installed";
}

export async function play(step, world) {
  const requirements = join(here, "requirements.txt");
  const python = execFileSync("python3", ["-c", "import sys; print(sys.version, sys.base_prefix)"], { encoding: "utf8" });
  const folder = await installed("python", readFileSync(requirements, "utf8") + python, async (folder) => {
    await run("python3 -m venv", "python3", ["-m", "venv", folder]);
    const options = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement", requirements];
    await run("pip install", join(folder, "bin/python"), ["-m", "pip", "install", ...options]);
  });
  const settings = {
    ...world.app, authority: world.entra.about.authority, ca_file: world.entra.about.ca_file, redirect_uri: REDIRECT_URI,
  };
  // These two would override the certificate authority that the library is told.
  const environment = { REQUESTS_CA_BUNDLE: undefined, CURL_CA_BUNDLE: undefined };
  const witness = new Conversation(join(folder, "bin/python"), [join(here, "witness.py"), JSON.stringify(settings)], environment);
  world.later(() => witness.close());
  await story(step, world, witness, { app: "dict", user: "dict" });
}
