import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { poolQuery, poolSeriesQuery, recentBlocksQuery } from "@/api/queries";
import { poolNow } from "@/lib/clock";
import { home } from "@/lib/messages";
import { formatPercent, hashrate, relativeError } from "@/lib/number";
import { RANGE_SERIES, type Range } from "@/lib/range";
import { rateOnce } from "@/lib/series";
import { SPAN } from "@/lib/time";
import { RangeButtons } from "@/ui/chart/range";
import { Loaded, Panel } from "@/ui/panel";
import { blockMarkers } from "@/ui/pool/markers";
import { RateChart, RateChartSkeleton, RateChartSpace } from "@/ui/pool/rate-chart";
import { Stat } from "@/ui/stat";

const route = getRouteApi("/");

export function HashratePanel() {
  const { range = "day" } = route.useSearch();
  const navigate = route.useNavigate();
  const { step, length_ms } = RANGE_SERIES[range];
  const series = useQuery(poolSeriesQuery(step, length_ms));
  const recent = useQuery(recentBlocksQuery);
  const setRange = (next: Range) =>
    navigate({ search: next === "day" ? {} : { range: next }, replace: true, resetScroll: false });
  return (
    <Panel title={home.hashrate.title} actions={<RangeButtons value={range} onChange={setRange} />}>
      <Rates />
      <div className="mt-4">
        <RateChartSpace>
          <Loaded query={series} skeleton={<RateChartSkeleton />}>
            {(data) => (
              <RateChart
                items={data.items}
                step_ms={data.step_ms}
                markers={blockMarkers(recent.data?.items ?? [])}
                withShares
              />
            )}
          </Loaded>
        </RateChartSpace>
      </div>
    </Panel>
  );
}

/** The rate over three spans: the short one follows, the long one is precise. */
function Rates() {
  const pool = useQuery(poolQuery);
  const day = useQuery(poolSeriesQuery("ten_minutes", SPAN.DAY));
  const rates = pool.data?.hashrates;
  const error = relativeError(rates?.shares_of_hour ?? 0);
  const now = poolNow();
  const shown = (rate: number | undefined, length_ms: number) =>
    rate === undefined ? undefined : rateOnce(rate, day.data, length_ms, now);
  const stats = [
    { label: home.hashrate.ten_minutes, rate: rates && hashrate(rates.ten_minutes) },
    { label: home.hashrate.one_hour, rate: shown(rates?.hour, SPAN.HOUR) },
    { label: home.hashrate.one_day, rate: shown(rates?.day, SPAN.DAY) },
  ];
  return (
    <dl className="grid max-w-[36rem] grid-cols-3 gap-x-4">
      {stats.map(({ label, rate }, index) => (
        <Stat
          key={label}
          label={label}
          size={index === 0 ? "lg" : "md"}
          value={rate?.value}
          unit={rate?.unit}
          {...(index === 1
            ? {
                hint: home.hashrate.hint,
                note: error === null ? "" : home.hashrate.error(formatPercent(error)),
              }
            : {})}
        />
      ))}
    </dl>
  );
}
