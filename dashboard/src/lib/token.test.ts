import { expect, test } from "vitest";
import { getworkName, isInForce, isKnownWorkerName, textProblem } from "./token";

test("a label is measured in bytes, and holds nothing that cannot be seen", () => {
  expect(textProblem("x".repeat(64))).toBeNull();
  expect(textProblem("ä".repeat(33))).toEqual({ problem: "too_long", bytes: 66 });
  expect(textProblem("one\ntwo")).toEqual({ problem: "control" });
  expect(textProblem("Keller, links 🔥")).toBeNull();
});

test("names of workers are those the pool keeps as they are", () => {
  expect(isKnownWorkerName("rig-1.left:a@b_c")).toBe(true);
  for (const bad of ["", "rig 1", "rig/1", "x".repeat(33)]) {
    expect(isKnownWorkerName(bad)).toBe(false);
  }
});

test("a token is in force up to its end and no longer", () => {
  expect(isInForce({ expires_at_ms: null }, 5)).toBe(true);
  expect(isInForce({ expires_at_ms: 6 }, 5)).toBe(true);
  expect(isInForce({ expires_at_ms: 5 }, 5)).toBe(false);
});

test("the official miner takes a token behind the name of its worker", () => {
  expect(getworkName("cellar", "rpt_x")).toBe("'cellar?token=rpt_x'");
  expect(getworkName(null, "rpt_x")).toBe("'rig1?token=rpt_x'");
});
