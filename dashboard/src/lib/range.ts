// How far back charts look, and in which steps the ledger keeps that.

import { SPAN } from "./time";

export const RANGES = ["day", "week", "month", "quarter"] as const;
export type Range = (typeof RANGES)[number];

export const RANGE_SERIES = {
  day: { step: "ten_minutes", length_ms: SPAN.DAY },
  week: { step: "hour", length_ms: 7 * SPAN.DAY },
  month: { step: "hour", length_ms: 30 * SPAN.DAY },
  quarter: { step: "day", length_ms: 90 * SPAN.DAY },
} as const;
