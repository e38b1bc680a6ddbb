import type { Range } from "../range";

export const charts = {
  range: "Range of the chart",
  ranges: { day: "24 h", week: "7 d", month: "30 d", quarter: "90 d" } satisfies Record<
    Range,
    string
  >,
  asTable: "Show as table",
  asChart: "Show as chart",
  time: "Time",
  newest: "Newest",
  block: "block",
  payout: "payout",
  hashrate: "Hashrate",
  shares: "Shares",
  refused: "Refused",
  few: "The chart begins when the pool has mined for two steps of ten minutes.",
  warming: "warming up",
  none: "No share in this range.",
  summary: (low: string, high: string, mean: string, span: string) =>
    `Between ${low} and ${high} over ${span}, ${mean} on average.`,
  blockAt: (height: string) => `Block ${height}`,
  payoutOf: (amount: string) => `Payout of ${amount} XEL`,
} as const;
