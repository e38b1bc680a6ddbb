// The question every miner has: does it work? A miner starts, and the page that waits turns green.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, settled, shots } from "./browser.mjs";
import { startMiner } from "./pool.mjs";

const NEWCOMER = "xet:sfvczzkh9ma8pm6y0r0krxvrmycvnftevxepshc2x747wjzhd48sq66yh5r";
const WORKER = "browser-test";

export function firstShareTests(world) {
  test("the first share turns the page green, at another node than the miner's", async () => {
    const { page, close } = await openPage(world.browser);
    let stopMiner = () => {};
    try {
      await page.goto(`${world.pool.api(1)}/start`);
      await settled(page);
      await page.getByLabel("Your XELIS address").fill(NEWCOMER);
      await page.getByLabel("Name of this machine").fill(WORKER);
      await page.getByText("Waiting for your first share").waitFor();
      const line = await page.locator("code", { hasText: NEWCOMER }).textContent();
      assert.ok(line.includes(WORKER), line);
      stopMiner = startMiner(world.pool.stratum(2), NEWCOMER, WORKER);
      await page.locator('[data-state="arrived"]').waitFor({ timeout: 90_000 });
      const words = await page.locator('[data-state="arrived"]').textContent();
      assert.match(words, /Accepted!/);
      await page.screenshot({ path: join(shots, "first-share.png") });
      await page.getByRole("link", { name: "Open your page" }).click();
      await page.getByRole("link", { name: WORKER }).waitFor();
    } finally {
      stopMiner();
      await close();
    }
  });
}
