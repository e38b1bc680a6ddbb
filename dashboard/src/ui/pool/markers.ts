import type { Block, MinerPayout } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { charts } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import type { Marker } from "../chart/types";

export function blockMarkers(blocks: readonly Block[]): Marker[] {
  return blocks.map((block) => ({
    at_ms: block.found_at_ms,
    kind: "block",
    label: charts.blockAt(formatCount(block.height)),
  }));
}

export function payoutMarkers(payouts: readonly MinerPayout[]): Marker[] {
  return payouts.map(({ payout, transfer_atomic }) => ({
    at_ms: payout.reserved_at_ms,
    kind: "payout",
    label: charts.payoutOf(formatXel(transfer_atomic, { digits: 4 })),
  }));
}
