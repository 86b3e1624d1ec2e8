// One scenario: its world is built, the story played, and all of it taken down, however it went.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { eyes } from "./browser.mjs";
import { world as build } from "./world.mjs";

export const scene = (story) => async (step, screenshots) => {
  const world = await build();
  try {
    await story(step, world, eyes(screenshots));
  } catch (error) {
    await witness(world.browser, screenshots).catch(() => undefined);
    throw error;
  } finally {
    await world.close();
  }
};

/** What each page showed when something failed. */
async function witness(browser, folder) {
  mkdirSync(folder, { recursive: true });
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [at, page] of pages.entries()) {
    await page.screenshot({ path: join(folder, `failed-${at}.png`) });
    console.log(`  page ${at}, ${new URL(page.url()).pathname}: ${(await page.locator("main").first().innerText()).slice(0, 600)}`);
  }
}
