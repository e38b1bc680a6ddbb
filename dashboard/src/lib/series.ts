// Spans of work as points of a chart.

import { charts } from "./messages";
import { hashrate, type Scaled, toNumber } from "./number";

export type Span = {
  start_ms: number;
  shares: number;
  work: string;
  rejects: Record<string, number>;
};
export type RatePoints = {
  /** Middle of each span, in milliseconds. */
  times: number[];
  /** Hashes per second. */
  rates: number[];
  shares: number[];
  rejects: number[];
  /** Length of a span, in milliseconds. */
  step_ms: number;
};

/** A span that has only begun says little, and would show as a fall. */
const BEGUN_PART = 0.3;

/**
 * Rates of all spans from the first with work to now. Spans in which nothing happened are left out
 * by the API and are zero here; the one that still runs counts by the time that has passed.
 */
export function rates(items: readonly Span[], step_ms: number, now_ms: number): RatePoints {
  const points: RatePoints = { times: [], rates: [], shares: [], rejects: [], step_ms };
  const [first] = items;
  if (first === undefined) return points;
  const byStart = new Map(items.map((span) => [span.start_ms, span]));
  for (let start = first.start_ms; start < now_ms; start += step_ms) {
    const elapsed_ms = Math.min(step_ms, now_ms - start);
    if (elapsed_ms < BEGUN_PART * step_ms && points.times.length > 0) break;
    const span = byStart.get(start);
    points.times.push(start + elapsed_ms / 2);
    points.rates.push(((toNumber(span?.work) ?? 0) * 1000) / Math.max(elapsed_ms, 1_000));
    points.shares.push(span?.shares ?? 0);
    points.rejects.push(Object.values(span?.rejects ?? {}).reduce((sum, count) => sum + count, 0));
  }
  return points;
}

/** When a chart of `step_ms` that has one point gets its second one. */
export function secondPointAt(points: RatePoints): number {
  const [middle = 0] = points.times;
  // Until then the only span is the one that runs, of which the middle of what has passed is known.
  const start = Math.floor(middle / points.step_ms) * points.step_ms;
  return start + (1 + BEGUN_PART) * points.step_ms;
}

/**
 * A rate over `length_ms` for people. While there has been no work for that long it is of a shorter
 * time, and says so instead. Undefined before the spans have come.
 */
export function rateOnce(
  rate: number,
  series: { items: readonly Span[]; step_ms: number } | undefined,
  length_ms: number,
  now_ms: number,
): Scaled | undefined {
  if (!series) return undefined;
  const [first] = series.items;
  const hasLasted = first !== undefined && first.start_ms <= now_ms - length_ms + series.step_ms;
  return hasLasted ? hashrate(rate) : { value: "–", unit: charts.warming };
}
