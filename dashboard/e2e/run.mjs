// The dashboard in a browser, against a real three-node pool. One pool serves all tests, in their
// order; the one that kills a node is the last.
import { rmSync } from "node:fs";
import { after, before, describe } from "node:test";
import { launch, shots } from "./browser.mjs";
import { failoverTests } from "./failover.mjs";
import { firstShareTests } from "./first-share.mjs";
import { ownershipTests } from "./ownership.mjs";
import { pageTests } from "./pages.mjs";
import { json, startPool, until } from "./pool.mjs";

const world = { browser: null, pool: null };

describe("dashboard", { concurrency: false }, () => {
  before(async () => {
    rmSync(shots, { recursive: true, force: true });
    world.pool = await startPool();
    world.browser = await launch();
    await until(
      "a first block",
      async () => (await json(`${world.pool.api(1)}/api/v1/pool`))?.totals.blocks > 0,
      240_000,
    );
  });
  after(async () => {
    await world.browser?.close();
    await world.pool?.stop();
  });
  pageTests(world);
  firstShareTests(world);
  ownershipTests(world);
  failoverTests(world);
});
