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
  few: (rate: string, shares: string, ahead: string) =>
    `So far ${rate} from ${shares}. The chart begins ${ahead}, with its second point.`,
  sharesOf: (count: string) => (count === "1" ? "1 share" : `${count} shares`),
  warming: "warming up",
  none: "No share in this range.",
  summary: (low: string, high: string, mean: string, span: string) =>
    `Between ${low} and ${high} over ${span}, ${mean} on average.`,
  blockAt: (height: string) => `Block ${height}`,
  payoutOf: (amount: string) => `Payout of ${amount} XEL`,
} as const;
