// Debian's Chromium, and looking at pages: screenshots and axe.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import axe from "axe-core";
import { chromium } from "playwright-core";

const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 375, height: 740 } };
export const WIDE = sizes.wide;

/**
 * The browser trusts the emulator and the web app by the hashes of their keys (`--ignore-certificate-errors-spki-list`): unlike an NSS database that
 * needs no program of its own, and unlike `ignoreHTTPSErrors` it trusts nothing else.
 */
export async function openBrowser(keyHashes, home) {
  return chromium.launch(options(keyHashes, home));
}

/**
 * A browser of its own whose hidden frames get their cookies, as a silent sign-in needs. Private windows, which the contexts of
 * `openBrowser` are, keep cookies from the frames of other sites, and so does this Chromium unless its profile says otherwise.
 */
export async function openProfile(keyHashes, home) {
  const profile = join(home, "profile");
  mkdirSync(join(profile, "Default"), { recursive: true });
  writeFileSync(join(profile, "Default/Preferences"), JSON.stringify({ profile: { cookie_controls_mode: 0, block_third_party_cookies: false } }));
  return chromium.launchPersistentContext(profile, { ...options(keyHashes, home), viewport: WIDE });
}

function options(keyHashes, home) {
  const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [...root, `--ignore-certificate-errors-spki-list=${keyHashes.join()}`, "--no-proxy-server"],
    env: { ...process.env, HOME: home },
    headless: true,
  };
}

/** What the pages of a context were refused by their Content-Security-Policy, from now on. */
export function refusals(context) {
  const refused = [];
  context.on("console", (message) => {
    if (/content.security.policy/i.test(message.text())) refused.push(message.text());
  });
  return refused;
}

/** Photographs a page wide and narrow, light and dark, and lets axe look at each. Fails with what axe found. `fullPage` beyond
 * the window's edge too. */
export function eyes(folder) {
  mkdirSync(folder, { recursive: true });
  return async (page, name, { fullPage = false } = {}) => {
    const found = [];
    const before = page.viewportSize();
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const [width, size] of Object.entries(sizes)) {
        await page.setViewportSize(size);
        await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), animations: "disabled", fullPage });
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
        for (const { id, help, nodes } of violations) {
          for (const node of nodes) found.push(`${width} ${colorScheme}: ${id} (${help}) at ${node.target}: ${node.html.slice(0, 160)}`);
        }
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (overflow > 0) found.push(`${width} ${colorScheme}: the page is ${overflow} pixels too wide`);
      }
    }
    await page.emulateMedia({ colorScheme: null });
    if (before) await page.setViewportSize(before);
    if (found.length > 0) throw new Error(`${name}:\n  ${[...new Set(found)].join("\n  ")}`);
  };
}

/** Signs in on the emulator's pages: picks another account if asked, gives name and password, allows what is asked. */
export async function signInAt(page, user, options = {}) {
  const { look, decision = "Accept" } = options;
  const other = page.getByRole("button", { name: "Use another account" });
  const name = page.getByLabel("User name");
  await other.or(name).waitFor();
  if (await other.isVisible()) {
    if (look) await look(page, "entra-pick");
    await other.click();
  }
  await name.waitFor();
  if (look) await look(page, "entra-sign-in");
  await name.fill(user.upn);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  if (options.consent ?? true) {
    const button = page.getByRole("button", { name: decision });
    await button.waitFor();
    if (look) await look(page, "entra-consent");
    await button.click();
  }
}
