import type { ReactNode } from "react";
import { poolNow } from "@/lib/clock";
import { charts } from "@/lib/messages";
import { formatCount, formatHashrate } from "@/lib/number";
import { type RatePoints, rates, type Span, secondPointAt } from "@/lib/series";
import { formatDuration, formatRoughlyAhead } from "@/lib/time";
import { CHART_SPACE, ChartSkeleton, TimeSeries } from "../chart/time-series";
import type { Marker } from "../chart/types";

/** Hashrate over time from spans of work, with what happened meanwhile. */
export function RateChart({
  items,
  step_ms,
  markers,
  withShares = false,
}: {
  items: readonly Span[];
  step_ms: number;
  markers: readonly Marker[];
  withShares?: boolean;
}) {
  const points = rates(items, step_ms, poolNow());
  const [from = 0] = points.times;
  const lines = [
    {
      name: charts.hashrate,
      values: points.rates,
      format: (value: number) => formatHashrate(value),
    },
  ];
  const counts = [
    { name: charts.shares, values: points.shares, format: (value: number) => formatCount(value) },
    { name: charts.refused, values: points.rejects, format: (value: number) => formatCount(value) },
  ];
  return (
    <TimeSeries
      data={{
        times: points.times,
        step_ms,
        lines,
        ...(withShares ? { counts } : {}),
        markers: markers.filter((marker) => marker.at_ms >= from - step_ms),
      }}
      summary={summaryOf(points.rates, step_ms)}
      empty={emptyWords(points)}
    />
  );
}

/** What there is to say before there is a line to draw. */
function emptyWords(points: RatePoints): string {
  const [rate] = points.rates;
  if (rate === undefined) return charts.none;
  const shares = charts.sharesOf(formatCount(points.shares[0] ?? 0));
  return charts.few(
    formatHashrate(rate),
    shares,
    formatRoughlyAhead(secondPointAt(points) - poolNow()),
  );
}

function summaryOf(values: number[], step_ms: number): string {
  if (values.length < 2) return "";
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return charts.summary(
    formatHashrate(Math.min(...values)),
    formatHashrate(Math.max(...values)),
    formatHashrate(mean),
    formatDuration(values.length * step_ms),
  );
}

/** Keeps the space of a chart, with the line below it, also while it loads and when it fails. */
export function RateChartSpace({ children }: { children: ReactNode }) {
  return <div style={{ minHeight: `calc(${CHART_SPACE}px + 2.75rem)` }}>{children}</div>;
}

/** The space a chart will take, with the line below it. */
export function RateChartSkeleton() {
  return (
    <>
      <ChartSkeleton />
      <div className="mt-2 min-h-9" />
    </>
  );
}
