// Runs the scenarios in a browser. `node run.mjs [--only NAME]`; see README.md.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values } = parseArgs({ options: { only: { type: "string" } } });
const { run, killAll } = await import("./lib/processes.mjs");
if (!existsSync(join(here, "node_modules/playwright-core"))) await run("npm ci", "npm", ["ci"], { cwd: here });

const { install, missing, programs } = await import("./lib/world.mjs");
const absent = missing();
if (absent.length > 0) {
  console.error(`not built: ${absent.join(", ")} in ${programs()}. Run: cargo build --workspace --bins`);
  process.exit(2);
}
await install();

const counts = { passed: 0, failed: 0 };
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    killAll(); // what waits for them fails, and the scenario cleans up
  });
}
process.on("exit", killAll);

const scenarios = ["messages", "spa", "web-app", "msal", "emulator", "demo"].filter(
  (name) => (!values.only || values.only === name) && existsSync(join(here, `scenarios/${name}.mjs`)),
);
for (const name of scenarios) {
  if (interrupted) break;
  console.log(`\n${name}`);
  const { default: play } = await import(`./scenarios/${name}.mjs`);
  let current = "set-up";
  const step = async (what, act) => {
    current = what;
    const started = Date.now();
    await act();
    if (interrupted) throw new Error("interrupted");
    counts.passed++;
    console.log(`  ok  ${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  };
  try {
    await play(step, join(here, "screenshots", name));
  } catch (error) {
    counts.failed++;
    console.log(`  FAILED  ${current}\n${String(error?.stack ?? error).replace(/^/gm, "    ")}`);
  }
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 && counts.passed > 0 && !interrupted ? 0 : 1);
