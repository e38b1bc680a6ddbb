import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { minerSeriesQuery, workersQuery } from "@/api/queries";
import { useTopic } from "@/api/stream-context";
import type { Worker } from "@/api/types";
import { poolNow } from "@/lib/clock";
import { miner, worker as words } from "@/lib/messages";
import { formatCount, formatPercent, formatScaled, hashrate } from "@/lib/number";
import { RANGE_SERIES, type Range } from "@/lib/range";
import { shownMean } from "@/lib/series";
import { SPAN } from "@/lib/time";
import { refusedOf, stateOf } from "@/lib/worker";
import { RangeButtons } from "@/ui/chart/range";
import { PageTitle } from "@/ui/page-title";
import { Empty, Loaded, Panel } from "@/ui/panel";
import { RateChart, RateChartSkeleton } from "@/ui/pool/rate-chart";
import { WorkerState } from "@/ui/pool/worker-state";
import { StatSheet } from "@/ui/stat";
import { useNow, When } from "@/ui/when";
import { RefusedPanel } from "./refused-panel";

const route = getRouteApi("/miner/$address/$worker");

export default function WorkerPage() {
  const { address, worker: name } = route.useParams();
  const query = useInfiniteQuery(workersQuery(address));
  useTopic(`miner:${address}`);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <Link
        to="/miner/$address"
        params={{ address }}
        className="link inline-flex w-fit items-center gap-1.5 text-sm"
      >
        <ArrowLeft size={15} aria-hidden /> {words.back}
      </Link>
      <Loaded query={query} skeleton={<span className="skeleton h-40 w-full rounded-[10px]" />}>
        {({ pages }) => {
          const worker = pages.flatMap((page) => page.items).find((item) => item.name === name);
          return worker ? (
            <Known address={address} worker={worker} />
          ) : (
            <div className="panel">
              <Empty title={words.missing}>{words.missingText}</Empty>
            </div>
          );
        }}
      </Loaded>
    </div>
  );
}

function Known({ address, worker }: { address: string; worker: Worker }) {
  const { range = "day" } = route.useSearch();
  const navigate = route.useNavigate();
  const { step, length_ms } = RANGE_SERIES[range];
  const series = useQuery(minerSeriesQuery(address, worker.name, step, length_ms));
  const day = useQuery(minerSeriesQuery(address, worker.name, "ten_minutes", SPAN.DAY));
  const state = stateOf(worker.last_share_at_ms, useNow());
  const refused = refusedOf(worker.shares, worker.rejects);
  const rate = hashrate(worker.hashrate);
  const dayRate = shownMean(day.data, SPAN.DAY, poolNow());
  const setRange = (next: Range) =>
    navigate({ search: next === "day" ? {} : { range: next }, replace: true, resetScroll: false });
  return (
    <>
      <PageTitle title={words.title(worker.name)} intro={miner.stateWords[state]}>
        <WorkerState state={state} />
      </PageTitle>
      <StatSheet
        stats={[
          { label: words.stats.rate, value: rate.value, unit: rate.unit },
          { label: words.stats.day, value: dayRate?.value, unit: dayRate?.unit },
          {
            label: words.stats.difficulty,
            hint: words.stats.difficultyHint,
            value: formatScaled(worker.difficulty),
          },
          { label: words.stats.accepted, value: formatCount(worker.shares) },
          { label: words.stats.refused, value: formatPercent(refused.part) },
          { label: words.stats.last, value: <When at_ms={worker.last_share_at_ms} /> },
        ]}
      />
      <Panel title={words.chart} actions={<RangeButtons value={range} onChange={setRange} />}>
        <Loaded query={series} skeleton={<RateChartSkeleton />}>
          {(data) => (
            <RateChart items={data.items} step_ms={data.step_ms} markers={[]} withShares />
          )}
        </Loaded>
      </Panel>
      <RefusedPanel worker={worker} />
    </>
  );
}
