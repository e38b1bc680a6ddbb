// What a hashrate earns, and how far chance may carry it from that.

import { poissonQuantile } from "./luck";
import { SPAN } from "./time";

export type EarningsInput = {
  /** The miner's hashes per second. */
  hashrate: number;
  /** Hashes per second of the pool without the miner. */
  poolHashrate: number;
  /** Expected hashes of a block. */
  networkDifficulty: number;
  /** What a block pays its miner, in XEL. */
  blockReward: number;
  /** The pool's fee in hundredths of a percent. */
  feeBps: number;
  scheme: string;
};

export type Earnings = {
  period: "day" | "week" | "month";
  /** Expected XEL. */
  mean: number;
  /** Nine of ten periods pay between these two. */
  low: number;
  high: number;
  /** Blocks that are expected to pay the miner something in the period. */
  blocks: number;
};

const PERIODS = [
  ["day", SPAN.DAY],
  ["week", 7 * SPAN.DAY],
  ["month", 30 * SPAN.DAY],
] as const;

/** Earnings per period. The mean never depends on the scheme but by its fee; the spread does. */
export function earnings(input: EarningsInput): Earnings[] {
  return PERIODS.map(([period, length_ms]) => {
    const perBlock = input.blockReward * (1 - input.feeBps / 10_000);
    const own = (input.hashrate * length_ms) / 1000 / input.networkDifficulty;
    const mean = own * perBlock;
    if (input.scheme === "pps" || input.scheme === "fpps") {
      return { period, mean, low: mean, high: mean, blocks: own };
    }
    // The finder takes a solo block whole; otherwise the miner has a part of every pool block.
    const alone = input.scheme === "solo";
    const total = alone ? input.hashrate : input.hashrate + input.poolHashrate;
    const part = total > 0 ? input.hashrate / total : 0;
    const blocks = (total * length_ms) / 1000 / input.networkDifficulty;
    return {
      period,
      mean,
      low: poissonQuantile(blocks, 0.05) * part * perBlock,
      high: poissonQuantile(blocks, 0.95) * part * perBlock,
      blocks,
    };
  });
}

/** Expected time until `hashrate` finds a block, in milliseconds. */
export function expectedBlockTime(
  hashrate: number | null,
  networkDifficulty: number | null,
): number {
  if (!hashrate || !networkDifficulty) return Number.POSITIVE_INFINITY;
  return (networkDifficulty / hashrate) * 1000;
}
