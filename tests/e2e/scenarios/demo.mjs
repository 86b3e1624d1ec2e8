// `cargo demo -- --spa`, as somebody runs it who has no terminal: what it prints is all that is known of it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openBrowser, refusals, signInAt, WIDE } from "../lib/browser.mjs";
import { Entra } from "../lib/entra.mjs";
import { start } from "../lib/processes.mjs";
import { programs } from "../lib/world.mjs";

/** The worker waits 10 s for a user to be idle, and up to 10 s more to look again. */
const ACTED = 45_000;

/** Processes that were started with this in their environment; their command lines. */
function leftOver(mark) {
  if (process.platform !== "linux") return [];
  const found = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(mark)) continue;
      found.push(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      // somebody else's, or gone meanwhile
    }
  }
  return found;
}

/** What was killed is gone when the system gets to it. */
async function nothingLeft(mark) {
  const deadline = Date.now() + 5000;
  while (leftOver(mark).length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(leftOver(mark), []);
}

export default async function demo(step) {
  const folder = mkdtempSync(join(tmpdir(), "absentia-e2e-demo-"));
  const temporary = join(folder, "tmp");
  const home = join(folder, "home");
  for (const made of [temporary, home]) mkdirSync(made);
  const environment = { TMPDIR: temporary, XDG_DATA_HOME: join(folder, "data"), NO_COLOR: "1" };
  const said = [];
  let acted;
  const seen = new Promise((resolve) => (acted = resolve));
  let running;
  let browser;
  try {
    await step("it starts, and says where to click and as whom", async () => {
      running = await start("the demo", join(programs(), "demo"), ["--spa", "--free-ports"], (line) => {
        said.push(line);
        if (/^worker .*ada@contoso\.example/.test(line)) acted(line);
        return line.startsWith("Ctrl-C stops") ? said.join("\n") : undefined;
      }, environment, { isParent: true });
    });
    const text = running.found;
    const after = (what) => new RegExp(`^ *${what} +(\\S+)`, "m").exec(text)?.[1] ?? assert.fail(`no ${what} in\n${text}`);
    const [url, api, app] = [after("Entra"), after("web API"), after("single-page app")];
    const ada = { upn: "ada@contoso.example", password: after("ada@contoso.example") };
    const entra = new Entra({ url, ca_file: /^ *(\/.*ca\.pem)$/m.exec(text)[1] }, null);

    await step("the addresses answer", async () => {
      assert.deepEqual(await entra.send("GET", "/health"), { status: "ok" });
      const refused = await fetch(api);
      assert.equal(refused.status, 401);
      for (const page of ["/", "/redirect.html"]) {
        const answer = await fetch(new URL(page, app));
        assert.equal(answer.status, 200);
        assert.match(answer.headers.get("content-security-policy"), /frame-ancestors/);
        assert.ok((await answer.text()).includes(`connect-src ${url} ${new URL(api).origin};`), "built for other places");
      }
      // The demo, Entra, the web API, the app and the worker.
      assert.ok(leftOver(temporary).length >= 5 || process.platform !== "linux", leftOver(temporary).join("\n"));
    });

    await step("somebody of the list signs in and calls the web API", async () => {
      browser = await openBrowser([await entra.keyHash()], home);
      const context = await browser.newContext({ viewport: WIDE });
      const refused = refusals(context);
      const page = await context.newPage();
      await page.goto(app);
      const opened = page.waitForEvent("popup");
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await signInAt(await opened, ada);
      await page.getByRole("heading", { name: "Ada Lovelace" }).waitFor();
      await page.getByRole("button", { name: "Call Web API", exact: true }).click();
      await page.getByRole("heading", { name: "What the web API says" }).waitFor();
      assert.deepEqual(refused, []);
      await browser.close();
    });

    await step("she is away, and the worker acts for her and says so", async () => {
      let late;
      const timeout = new Promise((_, reject) => {
        late = setTimeout(() => reject(new Error(`the worker did nothing. The demo said:\n${said.join("\n")}`)), ACTED);
      });
      await Promise.race([seen, timeout]).finally(() => clearTimeout(late));
      const served = (await entra.journal()).filter((entry) => entry.endpoint === "graph" && entry.user?.upn === ada.upn);
      assert.equal(served.length, 2, "the web API's call and the worker's");
    });

    await step("Ctrl-C stops all of it and leaves nothing", async () => {
      await running.stop("SIGINT");
      assert.match(said.at(-1), /all of it is stopped/);
      await nothingLeft(temporary);
      assert.deepEqual(readdirSync(temporary), []);
      await assert.rejects(fetch(app));
    });

    await step("Ctrl-C while it starts leaves nothing either", async () => {
      const early = await start("the demo", join(programs(), "demo"), ["--spa", "--free-ports"], (line) =>
        /^ *Entra +https:/.test(line) ? line : undefined, environment, { isParent: true });
      await assert.rejects(early.stop("SIGINT"), /interrupted/);
      await nothingLeft(temporary);
    });
  } finally {
    await browser?.close();
    await running?.stop("SIGINT").catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}
