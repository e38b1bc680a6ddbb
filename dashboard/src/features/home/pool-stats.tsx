import type { Pool } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { home, schemes, units } from "@/lib/messages";
import { formatBasisPoints, formatCount, formatPercent, formatScaled } from "@/lib/number";
import { formatDuration } from "@/lib/time";
import { StatSheet, type StatValue } from "@/ui/stat";

/** The pool in eight numbers. */
export function PoolStats({ pool }: { pool: Pool | undefined }) {
  return <StatSheet stats={statsOf(pool)} />;
}

function statsOf(pool: Pool | undefined): StatValue[] {
  const { stats } = home;
  const settings = pool?.settings;
  const [scheme] = settings?.schemes.filter((offered) => offered.is_default) ?? [];
  const refused = Object.values(pool?.totals.rejects ?? {}).reduce((sum, count) => sum + count, 0);
  const all = refused + (pool?.totals.shares ?? 0);
  const others = (settings?.schemes.length ?? 1) - 1;
  return [
    { label: stats.miners, value: pool && formatCount(pool.totals.miners), note: "" },
    {
      label: stats.difficulty,
      value: pool && formatScaled(pool.node.template?.network_difficulty),
      note: "",
    },
    { label: stats.height, value: pool && formatCount(pool.node.template?.height), note: "" },
    {
      label: stats.shares,
      value: pool && formatScaled(pool.totals.shares),
      note: all > 0 ? stats.refused(formatPercent(refused / all)) : "",
    },
    {
      label: stats.fee,
      value: pool && (scheme ? formatBasisPoints(scheme.fee_bps) : "–"),
      note: scheme
        ? `${schemes.names[scheme.name] ?? scheme.name}${others > 0 ? ` +${others}` : ""}`
        : "",
    },
    {
      label: stats.minimum,
      value: pool && formatXel(settings?.payout_threshold_atomic),
      unit: units.xel,
      note: settings ? stats.interval(formatDuration(settings.payout_interval_ms)) : "",
    },
    {
      label: stats.paid,
      value: pool && formatXel(pool.accounts.paid_atomic, { digits: 2 }),
      unit: units.xel,
      note: pool ? stats.payouts(formatCount(pool.totals.payouts)) : "",
    },
  ];
}
