import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { poolQuery, poolSeriesQuery, recentBlocksQuery } from "@/api/queries";
import { poolNow } from "@/lib/clock";
import { home } from "@/lib/messages";
import { formatPercent, hashrate, relativeError, type Scaled } from "@/lib/number";
import { RANGE_SERIES, type Range } from "@/lib/range";
import { shownMean } from "@/lib/series";
import { SPAN } from "@/lib/time";
import { RangeButtons } from "@/ui/chart/range";
import { Loaded, Panel } from "@/ui/panel";
import { blockMarkers } from "@/ui/pool/markers";
import { RateChart, RateChartSkeleton } from "@/ui/pool/rate-chart";
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
      </div>
    </Panel>
  );
}

type RateStat = {
  label: string;
  rate?: Scaled | undefined;
  hint?: string;
  note?: string | null | 0;
};

/** The rate over three spans: the short one follows, the long one is precise. */
function Rates() {
  const pool = useQuery(poolQuery);
  const day = useQuery(poolSeriesQuery("ten_minutes", SPAN.DAY));
  const now = poolNow();
  const items = day.data?.items;
  const shares = items?.filter((span) => span.start_ms > now - 2 * SPAN.MINUTE * 10);
  const error = relativeError(shares?.reduce((sum, span) => sum + span.shares, 0) ?? 0);
  const short = pool.data ? hashrate(pool.data.hashrate) : undefined;
  const stats: RateStat[] = [
    {
      label: home.hashrate.ten_minutes,
      rate: short,
      hint: home.hashrate.hint,
      note: error && home.hashrate.error(formatPercent(error)),
    },
    { label: home.hashrate.one_hour, rate: shownMean(day.data, SPAN.HOUR, now) },
    { label: home.hashrate.one_day, rate: shownMean(day.data, SPAN.DAY, now) },
  ];
  return (
    <dl className="grid max-w-[34rem] grid-cols-3 gap-x-4">
      {stats.map(({ label, rate, hint, note }: RateStat, index) => (
        <Stat
          key={label}
          label={label}
          hint={hint}
          size={index === 0 ? "lg" : "md"}
          value={rate?.value}
          unit={note ? `${rate?.unit ?? ""} ${note}` : rate?.unit}
        />
      ))}
    </dl>
  );
}
