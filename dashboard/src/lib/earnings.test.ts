import { expect, test } from "vitest";
import { earnings, expectedBlockTime } from "./earnings";

const input = {
  hashrate: 1_000,
  poolHashrate: 9_000,
  networkDifficulty: 8_640_000,
  blockReward: 1,
  feeBps: 100,
  scheme: "pplns",
};

test("the mean is the miner's part of the network's work, less the fee", () => {
  const [day] = earnings(input);
  expect(day?.mean).toBeCloseTo(10 * 0.99);
  expect(day?.blocks).toBeCloseTo(100);
});

test("the spread of a share of many blocks is smaller than that of blocks of one's own", () => {
  const [shared] = earnings(input);
  const [alone] = earnings({ ...input, scheme: "solo" });
  expect(alone?.mean).toBeCloseTo(shared?.mean ?? 0);
  expect((alone?.high ?? 0) - (alone?.low ?? 0)).toBeGreaterThan(
    (shared?.high ?? 0) - (shared?.low ?? 0),
  );
  expect(shared?.low).toBeCloseTo(84 * 0.1 * 0.99);
});

test("work that is paid at once has no spread", () => {
  for (const period of earnings({ ...input, scheme: "pps" })) {
    expect(period.low).toBe(period.mean);
    expect(period.high).toBe(period.mean);
  }
});

test("without any hashrate nothing is earned and no block comes", () => {
  expect(earnings({ ...input, hashrate: 0 }).every(({ mean }) => mean === 0)).toBe(true);
  expect(expectedBlockTime(0, 5)).toBe(Number.POSITIVE_INFINITY);
  expect(expectedBlockTime(10, 600)).toBe(60_000);
});
