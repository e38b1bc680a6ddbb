import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { Block } from "@/api/types";
import { renderPage } from "@/testing/render";
import { BlocksTable } from "./blocks-table";
import { heightsPassed } from "./maturity";

const block = (change: Partial<Block>): Block => ({
  hash: "ab".repeat(32),
  number: 1,
  height: 100,
  status: "maturing",
  miner: "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz",
  worker: "rig1",
  is_finder_hidden: false,
  scheme: "pplns",
  network_difficulty: "6000",
  effort: "3.480000",
  luck: "0.287356",
  found_at_ms: 1_700_000_000_000,
  heights_late: 0,
  is_reopened: false,
  expected_atomic: "143000000",
  fee_bps: 100,
  window: "2.000000",
  amount_atomic: null,
  fee_atomic: null,
  donation_atomic: null,
  reserve_atomic: null,
  rounding_atomic: null,
  miners_atomic: null,
  is_handed_out: null,
  topoheight: null,
  settled_at_ms: null,
  orphan_reason: null,
  ...change,
});

async function show(change: Partial<Block>) {
  const top = { template: { height: 113 }, stability_heights: 24 };
  renderPage(<BlocksTable items={[block(change)]} top={top} explorer={() => null} />);
  const rows = await screen.findAllByRole("row");
  return within(rows[1] as HTMLElement);
}

test("a maturing block shows how far it is and that its reward is an expectation", async () => {
  const row = await show({});
  expect(row.getAllByText("12/24").length).toBeGreaterThan(0);
  expect(row.getAllByRole("progressbar")[0]?.getAttribute("aria-valuenow")).toBe("12");
  expect(row.getByText(/≈ 1\.4300/)).toBeTruthy();
});

test("effort is shown as it was, however unlucky", async () => {
  expect((await show({})).getByText("348%")).toBeTruthy();
});

test("a credited block shows what the chain paid", async () => {
  const row = await show({ status: "settled", amount_atomic: "143868079" });
  expect(row.getAllByText("Credited").length).toBeGreaterThan(0);
  expect(row.getByText(/^1\.4386/)).toBeTruthy();
});

test("an orphaned block pays nothing", async () => {
  const row = await show({ status: "orphaned", orphan_reason: "not in the chain" });
  expect(row.getAllByTitle("not in the chain").length).toBeGreaterThan(0);
  expect(row.getByText("–")).toBeTruthy();
});

test("a finder who hides is no link, and no name either", async () => {
  const row = await show({ miner: null, worker: null, is_finder_hidden: true } as never);
  expect(row.getByText("hidden")).toBeTruthy();
  expect(row.getByRole("button", { name: /hidden/ })).toBeTruthy();
  expect(row.queryByRole("link")).toBeNull();
});

test("maturity never leaves its scale", () => {
  const top = (height: number) => ({ template: { height }, stability_heights: 24 });
  expect(heightsPassed(100, top(100))).toBe(0);
  expect(heightsPassed(100, top(125))).toBe(24);
  expect(heightsPassed(100, top(999))).toBe(24);
  expect(heightsPassed(100, undefined)).toBeNull();
});
