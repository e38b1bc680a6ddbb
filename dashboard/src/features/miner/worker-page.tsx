import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeft } from "lucide-react";
import { isMissing } from "@/api/client";
import { minerSeriesQuery, workerQuery } from "@/api/queries";
import { useTopic } from "@/api/stream-context";
import type { WorkerDetail } from "@/api/types";
import { poolNow } from "@/lib/clock";
import { worker as words } from "@/lib/messages";
import { formatCount, formatPercent, formatScaled, hashrate } from "@/lib/number";
import { RANGE_SERIES, type Range } from "@/lib/range";
import { rateOnce } from "@/lib/series";
import { SPAN } from "@/lib/time";
import { refusedOf } from "@/lib/worker";
import { RangeButtons } from "@/ui/chart/range";
import { PageTitle } from "@/ui/page-title";
import { Empty, Loaded, Panel } from "@/ui/panel";
import { RateChart, RateChartSkeleton, RateChartSpace } from "@/ui/pool/rate-chart";
import { WorkerState } from "@/ui/pool/worker-state";
import { StatSheet } from "@/ui/stat";
import { When } from "@/ui/when";
import { RefusedPanel } from "./refused-panel";
import { SessionsPanel } from "./sessions-panel";

const route = getRouteApi("/miner/$address/$worker");

export default function WorkerPage() {
  const { address, worker: name } = route.useParams();
  const query = useQuery(workerQuery(address, name));
  useTopic(`miner:${address}`);
  const isGone = query.data === undefined && isMissing(query.error);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <Link
        to="/miner/$address"
        params={{ address }}
        className="link inline-flex w-fit items-center gap-1.5 text-sm"
      >
        <ArrowLeft size={15} aria-hidden /> {words.back}
      </Link>
      <PageTitle
        title={words.title(name)}
        aside={query.data?.label}
        intro={query.data?.state_detail ?? "\u00a0"}
      >
        {query.data && <WorkerState state={query.data.state} />}
      </PageTitle>
      {isGone ? (
        <div className="panel">
          <Empty title={words.missing}>{words.missingText}</Empty>
        </div>
      ) : (
        <Loaded
          query={query}
          skeleton={<span className="skeleton h-[46rem] w-full rounded-[10px]" />}
        >
          {(worker) => <Known address={address} worker={worker} />}
        </Loaded>
      )}
    </div>
  );
}

function Known({ address, worker }: { address: string; worker: WorkerDetail }) {
  const { range = "day" } = route.useSearch();
  const navigate = route.useNavigate();
  const { step, length_ms } = RANGE_SERIES[range];
  const series = useQuery(minerSeriesQuery(address, worker.name, step, length_ms));
  const setRange = (next: Range) =>
    navigate({ search: next === "day" ? {} : { range: next }, replace: true, resetScroll: false });
  return (
    <>
      <Numbers address={address} worker={worker} />
      <Panel title={words.chart} actions={<RangeButtons value={range} onChange={setRange} />}>
        <RateChartSpace>
          <Loaded query={series} skeleton={<RateChartSkeleton />}>
            {(data) => (
              <RateChart items={data.items} step_ms={data.step_ms} markers={[]} withShares />
            )}
          </Loaded>
        </RateChartSpace>
      </Panel>
      <SessionsPanel worker={worker} />
      <RefusedPanel worker={worker} />
    </>
  );
}

function Numbers({ address, worker }: { address: string; worker: WorkerDetail }) {
  const { stats } = words;
  const day = useQuery(minerSeriesQuery(address, worker.name, "ten_minutes", SPAN.DAY));
  const refused = refusedOf(worker.shares, worker.rejects);
  const rate = hashrate(worker.hashrates.ten_minutes);
  const dayRate = rateOnce(worker.hashrates.day, day.data, SPAN.DAY, poolNow());
  return (
    <StatSheet
      stats={[
        { label: stats.rate, value: rate.value, unit: rate.unit },
        { label: stats.day, value: dayRate?.value, unit: dayRate?.unit },
        {
          label: stats.difficulty,
          hint: stats.difficultyHint,
          value: formatScaled(worker.difficulty),
        },
        { label: stats.accepted, value: formatCount(worker.shares) },
        { label: stats.refused, value: formatPercent(refused.part) },
        { label: stats.last, value: <When at_ms={worker.last_share_at_ms} /> },
      ]}
    />
  );
}
