import type { UseQueryResult } from "@tanstack/react-query";
import { useQuery } from "@tanstack/react-query";
import { effortQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { expectedBlockTime } from "@/lib/earnings";
import { effortProbability } from "@/lib/luck";
import { blocks, home } from "@/lib/messages";
import { formatCount, formatPercent, toNumber } from "@/lib/number";
import { formatRoughly } from "@/lib/time";
import { EffortBar } from "@/ui/bars";
import { Hint } from "@/ui/hint";
import { Loaded, Panel } from "@/ui/panel";
import { Since, When } from "@/ui/when";

/** The round that is open: how far it is, and what to expect of it. */
export function RoundPanel({ pool }: { pool: UseQueryResult<Pool> }) {
  return (
    <Panel title={home.round.title}>
      <Loaded query={pool} skeleton={<span className="skeleton h-64 w-full" />}>
        {(data) => <Round pool={data} />}
      </Loaded>
    </Panel>
  );
}

function Round({ pool }: { pool: Pool }) {
  const effort = toNumber(pool.round_effort) ?? 0;
  const percent = formatPercent(effort, { digits: 0 });
  const wait_ms = expectedBlockTime(
    pool.hashrate,
    toNumber(pool.node.template?.network_difficulty),
  );
  const mean = useQuery(effortQuery).data?.items[0];
  const last = pool.last_block_found_at_ms;
  return (
    <div className="flex h-full flex-col">
      <p className="eyebrow flex items-center gap-1">
        {home.round.effort} <Hint name={home.round.effort}>{blocks.hints.effort}</Hint>
      </p>
      <p className="figure mt-0.5 mb-3 text-[1.85rem]">{percent}</p>
      <EffortBar effort={effort} label={home.round.bar(percent)} />
      <dl className="mt-5 divide-y divide-line border-t border-line text-[0.92rem]">
        <Row name={home.round.since}>{last ? <Since at_ms={last} /> : home.round.none}</Row>
        <Row name={home.round.expected}>{formatRoughly(wait_ms)}</Row>
        <Row name={home.round.longer}>
          {formatPercent(1 - effortProbability(effort), { digits: 0 })}
        </Row>
        <Row name={home.round.found}>{formatCount(pool.totals.blocks)}</Row>
        {mean && mean.blocks > 0 && (
          <Row name={home.round.mean(mean.blocks)}>{formatPercent(mean.effort, { digits: 0 })}</Row>
        )}
        <Row name={home.round.nextPayout}>
          <NextPayout pool={pool} />
        </Row>
      </dl>
    </div>
  );
}

function Row({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4 py-2">
      <dt className="text-muted">{name}</dt>
      <dd className="text-right font-medium">{children}</dd>
    </div>
  );
}

function NextPayout({ pool }: { pool: Pool }) {
  const { paused_reason, open, next_earliest_at_ms } = pool.payouts;
  if (paused_reason) return <span title={paused_reason}>{home.round.payoutPaused}</span>;
  if (open) return <>{home.round.payoutOpen}</>;
  if (next_earliest_at_ms && next_earliest_at_ms > pool.node.now_ms)
    return <When at_ms={next_earliest_at_ms} />;
  return <>{home.round.payoutSoon}</>;
}
