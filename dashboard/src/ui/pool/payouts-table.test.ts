import { expect, test } from "vitest";
import { confirmationsOf } from "./payouts-table";

test("confirmations count from the block that executed a payout, and never backwards", () => {
  expect(confirmationsOf({ topoheight: 100 }, { topoheight: 100 })).toBe(1);
  expect(confirmationsOf({ topoheight: 100 }, { topoheight: 124 })).toBe(25);
  expect(confirmationsOf({ topoheight: 100 }, { topoheight: 90 })).toBe(0);
});

test("what is not confirmed, or by a chain nobody knows, has none", () => {
  expect(confirmationsOf({ topoheight: null }, { topoheight: 9 })).toBeNull();
  expect(confirmationsOf({ topoheight: 9 }, null)).toBeNull();
  expect(confirmationsOf({ topoheight: 9 }, undefined)).toBeNull();
});
