// How a worker does, from what is known of it.

import { SPAN } from "./time";

export type WorkerState = "ok" | "low" | "offline" | "disabled";

/** Workers send a share every few seconds; ten minutes of silence are no accident. */
const OFFLINE_AFTER_MS = 10 * SPAN.MINUTE;

/** The state of a worker whose newest share is that old, where the API does not say it. */
export function stateOf(lastShareAt_ms: number | null | undefined, now_ms: number): WorkerState {
  return lastShareAt_ms && now_ms - lastShareAt_ms < OFFLINE_AFTER_MS ? "ok" : "offline";
}

/** Sum of refused shares, and their part of all. */
export function refusedOf(
  shares: number,
  rejects: Record<string, number>,
): { count: number; part: number } {
  const count = Object.values(rejects).reduce((sum, reason) => sum + reason, 0);
  return { count, part: count + shares > 0 ? count / (count + shares) : 0 };
}
