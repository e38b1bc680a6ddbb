import { expect, test } from "vitest";
import { rateOnce, rates, secondPointAt } from "./series";

const STEP = 600_000;
const span = (index: number, work: string) => ({
  start_ms: index * STEP,
  shares: 3,
  work,
  rejects: { stale: 1, duplicate: 1 },
});

test("spans that are missing are zero, not a line between their neighbours", () => {
  const points = rates([span(0, "600000"), span(2, "1200000")], STEP, 3 * STEP);
  expect(points.rates).toEqual([1_000, 0, 2_000]);
  expect(points.shares).toEqual([3, 0, 3]);
  expect(points.rejects).toEqual([2, 0, 2]);
});

test("the span that runs counts by the time that has passed", () => {
  const points = rates([span(0, "600000"), span(1, "300000")], STEP, 1.5 * STEP);
  expect(points.rates).toEqual([1_000, 1_000]);
});

test("a span that has only begun is left out, unless it is all there is", () => {
  expect(rates([span(0, "600000"), span(1, "1")], STEP, 1.1 * STEP).rates).toEqual([1_000]);
  expect(rates([span(0, "60000")], STEP, 0.1 * STEP).rates).toEqual([1_000]);
  expect(rates([], STEP, STEP).times).toEqual([]);
});

test("a rate of a time that has not passed yet is not shown", () => {
  const series = (index: number) => ({ items: [span(index, "1")], step_ms: STEP });
  const now = 10 * STEP;
  expect(rateOnce(5, series(0), 6 * STEP, now)).toEqual({ value: "5", unit: "H/s" });
  expect(rateOnce(5, series(8), 6 * STEP, now)?.unit).toBe("warming up");
  expect(rateOnce(5, { items: [], step_ms: STEP }, STEP, now)?.unit).toBe("warming up");
  expect(rateOnce(5, undefined, STEP, now)).toBeUndefined();
});

test("a chart of one point gets its second when the next span has lasted a while", () => {
  const now = 100 * STEP + 60_000;
  const points = rates([span(100, "60000")], STEP, now);
  expect(points.times).toHaveLength(1);
  const second = secondPointAt(points);
  expect(second).toBe(101.3 * STEP);
  expect(rates([span(100, "1")], STEP, second - 1).times).toHaveLength(1);
  expect(rates([span(100, "1")], STEP, second).times).toHaveLength(2);
});
