// Hears the witnesses. `node run.mjs [--only NAME]`; see README.md.
import { parseArgs } from "node:util";

import { killAll } from "../e2e/lib/processes.mjs";
import { missing, World } from "./lib/world.mjs";

const { values } = parseArgs({ options: { only: { type: "string" } } });
if (missing()) {
  console.error(`not built: ${missing()}. Run: cargo build --package absentia-emulator`);
  process.exit(2);
}

const counts = { passed: 0, failed: 0, skipped: 0 };
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    killAll(); // what waits for them fails, and the world is closed
  });
}
process.on("exit", killAll);

for (const name of ["python", "node", "dotnet", "sharing"].filter((name) => !values.only || values.only === name)) {
  if (interrupted) break;
  const { title, optional, missing, play } = await import(`./${name}/index.mjs`);
  console.log(`\n${title}`);
  const absent = missing();
  if (absent && (optional || process.env.CI === undefined)) {
    counts.skipped++;
    console.log(`  skipped: ${title} (${absent})`);
    continue;
  }
  let current = "set-up";
  const step = async (what, act) => {
    current = what;
    const started = Date.now();
    await act();
    if (interrupted) throw new Error("interrupted");
    counts.passed++;
    console.log(`  ok  ${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    current = "clean-up";
  };
  let world;
  try {
    if (absent) throw new Error(absent);
    world = await World.open();
    await play(step, world);
    await world.close();
  } catch (error) {
    counts.failed++;
    console.log(`  FAILED  ${current}\n${String(error?.stack ?? error).replace(/^/gm, "    ")}`);
    await world?.close().catch(() => {}); // what fails now follows from what failed before
  }
}
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 && counts.passed + counts.skipped > 0 && !interrupted ? 0 : 1);
