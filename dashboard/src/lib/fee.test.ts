import { expect, test } from "vitest";
import { feeOfPayee, feePart } from "./fee";

test("the newest payout whose fee is known is what a payee may expect", () => {
  const payouts = [
    { fee_atomic: null, payees: 9 },
    { fee_atomic: "3000", payees: 3 },
    { fee_atomic: "10", payees: 1 },
  ];
  expect(feeOfPayee(payouts)).toBe(1000);
  expect(feeOfPayee([])).toBeNull();
  expect(feeOfPayee([{ fee_atomic: "3000", payees: 0 }])).toBeNull();
});

test("its part never exceeds the payout, and nothing is said of nothing", () => {
  expect(feePart(1000, 100_000n)).toBe(0.01);
  expect(feePart(1000, 10n)).toBe(1);
  expect(feePart(1000, 0n)).toBeNull();
  expect(feePart(null, 10n)).toBeNull();
});
