import { ChartLine, Table2 } from "lucide-react";
import { lazy, Suspense, useId, useState } from "react";
import { charts } from "@/lib/messages";
import { formatMoment } from "@/lib/time";
import { Button } from "../button";
import type { ChartData, Marker } from "./types";

// The plotting library is a third of all code, and no page needs it before its data.
const Plot = lazy(() => import("./plot"));

const CHART_HEIGHT = 240;
/** With the axis below it, in pixels. */
export const CHART_SPACE = CHART_HEIGHT + 24;
const TABLE_ROWS_MAX = 200;

/**
 * A chart of values over time: the drawing, what it says in a sentence, and the same as a table.
 * `empty` stands in its place, at the same height, while there are too few points to draw.
 */
export function TimeSeries({
  data,
  summary,
  empty,
}: {
  data: ChartData;
  summary: string;
  empty: string;
}) {
  const [isTable, setTable] = useState(false);
  const summaryId = useId();
  const isEmpty = data.times.length < 2;
  return (
    <figure aria-labelledby={summaryId} className="m-0">
      {isTable ? (
        <SeriesTable data={data} />
      ) : isEmpty ? (
        <ChartNote>{empty}</ChartNote>
      ) : (
        <Suspense fallback={<ChartSkeleton />}>
          <Plot data={data} height={CHART_HEIGHT} />
        </Suspense>
      )}
      <figcaption className="mt-2 flex min-h-9 flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <span id={summaryId} className="min-w-0 text-[0.83rem] text-muted">
          {summary}
        </span>
        <span className="flex items-center gap-3">
          <Legend markers={data.markers} />
          <Button
            kind="quiet"
            className="min-h-8 px-2"
            onClick={() => setTable(!isTable)}
            disabled={isEmpty}
          >
            {isTable ? <ChartLine size={15} aria-hidden /> : <Table2 size={15} aria-hidden />}
            {isTable ? charts.asChart : charts.asTable}
          </Button>
        </span>
      </figcaption>
    </figure>
  );
}

/** The same space without a chart. */
export function ChartSkeleton() {
  return (
    <div style={{ height: CHART_SPACE }} className="flex flex-col justify-end gap-2">
      <span className="skeleton w-full flex-1" />
    </div>
  );
}

function ChartNote({ children }: { children: string }) {
  return (
    <div
      style={{ height: CHART_SPACE }}
      className="grid place-items-center rounded-lg border border-dashed border-line-strong px-6 text-center text-sm text-muted"
    >
      <p className="max-w-sm">{children}</p>
    </div>
  );
}

function Legend({ markers }: { markers: Marker[] | undefined }) {
  const kinds = new Set(markers?.map((marker) => marker.kind));
  return (
    <>
      {kinds.has("block") && (
        <span className="flex items-center gap-1.5 text-[0.8rem] text-muted">
          <span aria-hidden className="size-2 rounded-full bg-ink" /> {charts.block}
        </span>
      )}
      {kinds.has("payout") && (
        <span className="flex items-center gap-1.5 text-[0.8rem] text-muted">
          <span aria-hidden className="size-2 rotate-45 border-[1.5px] border-ink" />{" "}
          {charts.payout}
        </span>
      )}
    </>
  );
}

function SeriesTable({ data }: { data: ChartData }) {
  const { times, step_ms } = data;
  const lines = [...data.lines, ...(data.counts ?? [])];
  const rows = times
    .map((time, index) => ({ time, index }))
    .slice(-TABLE_ROWS_MAX)
    .reverse();
  return (
    <section
      tabIndex={0}
      aria-label={charts.asTable}
      style={{ height: CHART_SPACE }}
      className="overflow-y-auto rounded-lg border border-line"
    >
      <table className="table">
        <thead className="sticky top-0 bg-surface">
          <tr>
            <th scope="col">{charts.time}</th>
            {lines.map((line) => (
              <th key={line.name} scope="col" data-align="right">
                {line.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ time, index }) => (
            <tr key={time}>
              <td data-label={charts.time}>{formatMoment(time - step_ms / 2)}</td>
              {lines.map((line) => {
                const value = line.values[index];
                return (
                  <td key={line.name} data-label={line.name} data-align="right">
                    {value === null || value === undefined ? "–" : line.format(value)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
