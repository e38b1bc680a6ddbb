// How a worker does, from what is known of it.

export type WorkerState = "ok" | "low" | "offline" | "banned";

/** Sum of refused shares, and their part of all. */
export function refusedOf(
  shares: number,
  rejects: Record<string, number>,
): { count: number; part: number } {
  const count = Object.values(rejects).reduce((sum, reason) => sum + reason, 0);
  return { count, part: count + shares > 0 ? count / (count + shares) : 0 };
}
