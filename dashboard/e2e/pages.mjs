// Every page in both themes, on a desktop and on a phone: no complaint of the browser (a breach of
// the content security policy is one), no finding of axe, nothing that moves when data arrives, and
// no scrolling sideways. A picture of each is left in e2e/shots.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { measures, openPage, settled, shots } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ALICE = "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca";
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** What Google's guidance calls good is a tenth; ours is to be next to nothing. */
const SHIFT_MAX = 0.02;

export const PAGES = {
  home: "/",
  start: `/start?address=${ALICE}`,
  miner: `/miner/${ALICE}`,
  settings_of_miner: `/miner/${ALICE}?tab=settings`,
  payouts_of_miner: `/miner/${ALICE}?tab=payouts`,
  worker: `/miner/${ALICE}/garage`,
  blocks: "/blocks",
  payouts: "/payouts",
  calculator: "/calculator",
  status: "/status",
  api: "/api",
  rules: "/rules",
  unknown_miner: "/miner/xet:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqt98v9u",
  not_found: "/nothing/here",
};
/** These ask for what does not exist, and the browser says so. */
const ASKS_FOR_MISSING = new Set(["unknown_miner"]);

export function pageTests(world) {
  for (const [name, path] of Object.entries(PAGES)) {
    for (const view of ["desktop", "phone"]) {
      for (const theme of ["light", "dark"]) {
        test(`${name} on a ${view}, ${theme}`, () => look(world, { name, path, view, theme }));
      }
    }
  }
}

async function look(world, { name, path, view, theme }) {
  const { page, complaints, close } = await openPage(world.browser, { view, theme });
  try {
    await page.goto(world.pool.api(1) + path, { waitUntil: "load" });
    await settled(page);
    await page.locator("header >> text=Live").waitFor({ timeout: 15_000 });
    const seen = await measures(page);
    await page.screenshot({ path: join(shots, `${name}-${view}-${theme}.png`), fullPage: true });
    const paint = Math.round(seen.paint_ms ?? -1);
    const data = Math.round(seen.data_ms ?? -1);
    console.log(
      `  ${name}, ${view}: first paint ${paint} ms, data ${data} ms, shift ${seen.shift.toFixed(3)}`,
    );
    assert.ok(seen.overflow <= 0, `scrolls sideways by ${seen.overflow} px`);
    assert.ok(seen.shift <= SHIFT_MAX, `things moved by ${seen.shift}:\n${seen.moved.join("\n")}`);
    const wrong = complaints.filter((text) => !(ASKS_FOR_MISSING.has(name) && /404/.test(text)));
    assert.deepEqual(wrong, []);
    assert.deepEqual(await violations(page), []);
  } finally {
    await close();
  }
}

/** What axe finds, one line each. */
export async function violations(page) {
  await page.evaluate(axe);
  const { violations: found } = await page.evaluate(
    (values) => window.axe.run(document, { runOnly: { type: "tag", values } }),
    RULES,
  );
  return found.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`),
  );
}
