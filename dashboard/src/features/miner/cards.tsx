import { useQuery } from "@tanstack/react-query";
import { minerSeriesQuery } from "@/api/queries";
import type { Miner } from "@/api/types";
import { formatXel, toXel } from "@/lib/amount";
import { poolNow } from "@/lib/clock";
import { miner, units } from "@/lib/messages";
import { formatCount, formatPercent, hashrate, relativeError } from "@/lib/number";
import { shownMean } from "@/lib/series";
import { SPAN } from "@/lib/time";
import { refusedOf } from "@/lib/worker";
import { StatSheet, type StatValue } from "@/ui/stat";
import { When } from "@/ui/when";

/** A miner in numbers: what it does, and what it is owed. */
export function MinerCards({ address, data }: { address: string; data: Miner | undefined }) {
  return (
    <div className="flex flex-col gap-3">
      <StatSheet stats={useRates(address, data)} />
      <StatSheet stats={moneyOf(data)} />
    </div>
  );
}

function useRates(address: string, data: Miner | undefined): StatValue[] {
  const { cards } = miner;
  const { data: series } = useQuery(minerSeriesQuery(address, null, "ten_minutes", SPAN.DAY));
  const now = poolNow();
  const hour = shownMean(series, SPAN.HOUR, now);
  const day = shownMean(series, SPAN.DAY, now);
  const recent = series?.items.filter((span) => span.start_ms > now - 20 * SPAN.MINUTE);
  const error = relativeError(recent?.reduce((sum, span) => sum + span.shares, 0) ?? 0);
  const current = data && hashrate(data.workers.hashrate);
  const refused = data && refusedOf(data.shares, data.workers.rejects);
  return [
    {
      label: cards.hashrate,
      value: current?.value,
      unit: current?.unit,
      note: error ? cards.error(formatPercent(error)) : "",
    },
    { label: cards.hour, value: hour?.value, unit: hour?.unit, note: "" },
    { label: cards.day, value: day?.value, unit: day?.unit, note: "" },
    {
      label: cards.shares,
      value: data && formatCount(data.shares),
      note: refused ? cards.refused(formatPercent(refused.part)) : "",
    },
    { label: cards.lastShare, value: data && <When at_ms={data.last_share_at_ms} />, note: "" },
  ];
}

function moneyOf(data: Miner | undefined): StatValue[] {
  const { cards } = miner;
  const xel = (atomic: string | undefined) => atomic && formatXel(atomic, { digits: 4 });
  const minimum = toXel(data?.payout_threshold_atomic);
  const part = minimum > 0 ? toXel(data?.balance_atomic) / minimum : null;
  return [
    {
      label: cards.balance,
      hint: cards.balanceHint,
      value: xel(data?.balance_atomic),
      unit: units.xel,
      note: part === null ? "" : part >= 1 ? cards.due : cards.toMinimum(formatPercent(part)),
    },
    {
      label: cards.immature,
      hint: cards.immatureHint,
      value: xel(data?.immature_atomic),
      unit: units.xel,
      note: "",
    },
    { label: cards.inFlight, value: xel(data?.in_flight_atomic), unit: units.xel, note: "" },
    { label: cards.paid, value: xel(data?.paid_atomic), unit: units.xel, note: "" },
    {
      label: cards.window,
      hint: cards.windowHint,
      value: data && formatPercent(data.window_share, { digits: 1 }),
      note: "",
    },
  ];
}
