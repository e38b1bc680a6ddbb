import { useQuery } from "@tanstack/react-query";
import { networkQuery } from "@/api/queries";
import type { Network, Pool } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { home, schemes, units } from "@/lib/messages";
import {
  formatBasisPoints,
  formatCount,
  formatPercent,
  formatScaled,
  hashrate,
} from "@/lib/number";
import { formatDuration } from "@/lib/time";
import { refusedOf } from "@/lib/worker";
import { StatSheet, type StatValue } from "@/ui/stat";

/** The pool and the network it mines on, in eight numbers. */
export function PoolStats({ pool }: { pool: Pool | undefined }) {
  const { data: network } = useQuery(networkQuery);
  return <StatSheet stats={[...networkStats(network), ...poolStats(pool)]} />;
}

function networkStats(network: Network | undefined): StatValue[] {
  const { stats } = home;
  const rate = network && hashrate(network.hashrate);
  return [
    { label: stats.networkHashrate, value: rate?.value, unit: rate?.unit, note: "" },
    {
      label: stats.difficulty,
      value: network && formatScaled(network.difficulty),
      note: network ? stats.every(formatDuration(network.block_time_ms)) : "",
    },
    {
      label: stats.height,
      value: network && formatCount(network.height),
      note: network ? stats.stable(formatCount(network.stable_height)) : "",
    },
    {
      label: stats.reward,
      value: network && formatXel(network.next_reward_atomic, { digits: 4 }),
      unit: units.xel,
      note: stats.rewardNote,
    },
  ];
}

function poolStats(pool: Pool | undefined): StatValue[] {
  const { stats } = home;
  const settings = pool?.settings;
  const scheme = settings?.schemes.find((offered) => offered.is_default);
  const others = (settings?.schemes.length ?? 1) - 1;
  const refused = pool && refusedOf(pool.totals.shares, pool.totals.rejects);
  return [
    {
      label: stats.miners,
      value: pool && formatCount(pool.active.miners),
      note: pool ? stats.workersNote(pool.active.workers) : "",
    },
    {
      label: stats.shares,
      value: pool && formatScaled(pool.totals.shares),
      note: refused ? stats.refused(formatPercent(refused.part)) : "",
    },
    {
      label: stats.fee,
      value: pool && (scheme ? formatBasisPoints(scheme.fee_bps) : "–"),
      note: scheme
        ? `${schemes.names[scheme.name] ?? scheme.name}${others > 0 ? stats.others(others) : ""}`
        : "",
    },
    {
      label: stats.minimum,
      value: pool && formatXel(settings?.payout_threshold_atomic),
      unit: units.xel,
      note: settings ? stats.interval(formatDuration(settings.payout_interval_ms)) : "",
    },
  ];
}
