// The promise of the page: the node that serves it dies, and nobody has to do anything.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, settled, shots } from "./browser.mjs";
import { json, until } from "./pool.mjs";

const ALICE = "xet:qrazsuyu44la5vfn3pwy35z8ke6yzuwjc9605rndvu6q0d5wcqtsqzu9wca";
const LIVE_AGAIN_MAX_MS = 5_000;

/** Runs in the page before its scripts: notes every event of every stream, with its time. */
function record() {
  const heard = [];
  Object.assign(window, { raftpoolHeard: heard });
  window.EventSource = class extends EventSource {
    constructor(url, options) {
      super(url, options);
      for (const name of ["hello", "miner", "blocks", "payouts", "reset"]) {
        this.addEventListener(name, ({ data, lastEventId }) => {
          heard.push({ name, data: JSON.parse(data), id: lastEventId, at_ms: Date.now() });
        });
      }
    }
  };
}

export function failoverTests(world) {
  test("the page lives on when its node is killed, and no event is lost or doubled", async () => {
    const { page, close } = await openPage(world.browser);
    try {
      await page.addInitScript(record);
      await page.goto(`${world.pool.api(1)}/miner/${ALICE}`);
      await settled(page);
      const heard = () => page.evaluate(() => window.raftpoolHeard);
      const news = async (since_ms) =>
        (await heard()).filter(({ name, at_ms }) => name === "miner" && at_ms > since_ms);
      await until("a share before", async () => (await news(0)).length > 0);
      const isChange = ({ name }) => name === "blocks" || name === "payouts";
      const changed = async (since_ms) =>
        (await heard()).some((event) => isChange(event) && event.at_ms > since_ms);
      // Blocks are found, settled and paid all the time: one change before, and one after, between
      // which none may be missing.
      await until("a change before", () => changed(0), 240_000);
      const killedAt = Date.now();
      await world.pool.kill(1);
      const hello = await until(
        "another node",
        async () => (await heard()).find(({ name, at_ms }) => name === "hello" && at_ms > killedAt),
        LIVE_AGAIN_MAX_MS + 5_000,
      );
      const away_ms = hello.at_ms - killedAt;
      console.log(`  live again from node ${hello.data.node_id} after ${away_ms} ms`);
      assert.notEqual(hello.data.node_id, 1);
      assert.ok(away_ms <= LIVE_AGAIN_MAX_MS, `live again only after ${away_ms} ms`);
      assert.equal(await page.locator("main .skeleton").count(), 0, "data went away");
      await page.locator("header >> text=Live").waitFor({ timeout: 5_000 });
      await page.locator("header >> text=2/3").waitFor({ timeout: 15_000 });
      await until("a share after", async () => (await news(hello.at_ms)).length > 0, 60_000);
      await page.screenshot({ path: join(shots, "failover.png") });
      await until("a change after", () => changed(hello.at_ms), 240_000);
      await onceEach(world.pool.api(2), await heard());
    } finally {
      await close();
    }
  });
}

/** Every change of blocks and payouts between the first and the last that was heard came once. */
async function onceEach(api, heard) {
  const changes = heard
    .filter(({ name }) => name === "blocks" || name === "payouts")
    .flatMap(({ data }) => data.items)
    .map(({ index, change }) => `${index} ${change}`);
  assert.equal(new Set(changes).size, changes.length, "a change was told twice");
  assert.ok(changes.length > 1, "too few changes to judge");
  const indexes = changes.map((change) => Number(change.split(" ")[0]));
  const [first, last] = [Math.min(...indexes), Math.max(...indexes)];
  const happened = await journalBetween(api, first, last);
  assert.deepEqual([...changes].sort(), happened.sort(), "a change was not told");
}

/** What the journal says happened to blocks and payouts from one log index to another. */
async function journalBetween(api, first, last) {
  const entries = [];
  for (let after = ""; after !== null; ) {
    const page = await json(`${api}/api/v1/journal?limit=100${after && `&after=${after}`}`);
    entries.push(...page.items);
    after = page.next_after;
  }
  return entries
    .filter(
      ({ index, kind }) =>
        index >= first && index <= last && kind !== "work_paid" && kind !== "funds_moved",
    )
    .map(({ index, kind }) => `${index} ${kind}`);
}
