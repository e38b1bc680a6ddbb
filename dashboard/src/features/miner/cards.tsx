import { useQuery } from "@tanstack/react-query";
import { minerSeriesQuery } from "@/api/queries";
import type { Miner } from "@/api/types";
import { formatXel, toXel } from "@/lib/amount";
import { poolNow } from "@/lib/clock";
import { miner, units } from "@/lib/messages";
import { formatCount, formatPercent, hashrate, relativeError } from "@/lib/number";
import { rateOnce } from "@/lib/series";
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
  const rates = data?.hashrates;
  const current = rates && hashrate(rates.ten_minutes);
  const hour = rates && rateOnce(rates.hour, series, SPAN.HOUR, now);
  const day = rates && rateOnce(rates.day, series, SPAN.DAY, now);
  const error = relativeError(rates?.shares_of_hour ?? 0);
  const refused = data && refusedOf(data.shares, data.workers.rejects);
  const workers = data?.workers;
  return [
    {
      label: cards.hashrate,
      value: current?.value,
      unit: current?.unit,
      note: workers ? cards.active(workers.active, workers.offline) : "",
    },
    {
      label: cards.hour,
      value: hour?.value,
      unit: hour?.unit,
      note: error === null ? "" : cards.error(formatPercent(error)),
    },
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
    {
      label: cards.paid,
      value: xel(data?.paid_atomic),
      unit: units.xel,
      note:
        data && data.in_flight_atomic !== "0"
          ? cards.inFlight(xel(data.in_flight_atomic) ?? "")
          : "",
    },
    {
      label: cards.now,
      hint: cards.nowHint,
      value: data && formatXel(data.if_block_now_atomic, { digits: 4 }),
      unit: units.xel,
      note: data ? cards.window(formatPercent(data.window_share, { digits: 1 })) : "",
    },
    {
      label: cards.perDay,
      hint: cards.perDayHint,
      value: data && formatXel(data.estimated_day_atomic, { digits: 4 }),
      unit: units.xel,
      note: "",
    },
  ];
}
