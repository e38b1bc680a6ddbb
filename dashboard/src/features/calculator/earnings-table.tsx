import type { Earnings } from "@/lib/earnings";
import { calculator, units } from "@/lib/messages";
import { formatScaled } from "@/lib/number";
import { SPAN } from "@/lib/time";
import { Empty, Panel } from "@/ui/panel";

const HOURS = { day: SPAN.DAY, week: 7 * SPAN.DAY, month: 30 * SPAN.DAY };

function xel(value: number): string {
  const digits = value === 0 ? 0 : value < 0.01 ? 6 : value < 100 ? 3 : value < 10_000 ? 1 : 0;
  return new Intl.NumberFormat(undefined, {
    maximumFractionDigits: digits,
    minimumFractionDigits: Math.min(2, digits),
  }).format(value);
}

/** Mean and spread by period, in numbers and to scale. `powerCost` is per hour. */
export function EarningsTable({
  rows,
  scheme,
  assumes,
  powerCost,
}: {
  rows: Earnings[] | null;
  scheme: string;
  assumes: string;
  powerCost: number | null;
}) {
  const { columns, spreadNote } = calculator;
  if (!rows) {
    return (
      <Panel>
        <Empty title={calculator.badNumber} />
      </Panel>
    );
  }
  const isFixed = rows.every((row) => row.low === row.high);
  const note = isFixed ? spreadNote.fixed : scheme === "solo" ? spreadNote.solo : spreadNote.shared;
  return (
    <Panel>
      <div className="flex flex-col divide-y divide-line">
        {rows.map((row) => (
          <section
            key={row.period}
            className="grid gap-x-8 gap-y-2 py-4 first:pt-0 sm:grid-cols-[11rem_1fr]"
          >
            <div>
              <h2 className="eyebrow">{calculator.periods[row.period]}</h2>
              <p className="figure mt-0.5 text-[1.5rem]">
                {xel(row.mean)} <span className="text-sm font-normal text-muted">{units.xel}</span>
              </p>
              {powerCost !== null && (
                <p className="text-[0.83rem] text-muted">
                  {columns.power} {xel((powerCost * HOURS[row.period]) / SPAN.HOUR)}
                </p>
              )}
            </div>
            <div className="self-center">
              <SpreadBar row={row} />
              <p className="mt-2 flex flex-wrap justify-between gap-x-4 text-[0.86rem]">
                <span>
                  <span className="text-muted">{columns.spread}</span> {xel(row.low)}
                  {" – "}
                  {xel(row.high)} {units.xel}
                </span>
                <span className="text-muted">
                  {scheme === "solo" ? calculator.blocksSolo : columns.blocks}:{" "}
                  {formatScaled(row.blocks)}
                </span>
              </p>
            </div>
          </section>
        ))}
      </div>
      <p className="mt-2 border-t border-line pt-3 text-[0.86rem] text-muted">
        {note} {assumes}
      </p>
    </Panel>
  );
}

/** From nothing to the top of the spread, with a mark at the mean. */
function SpreadBar({ row }: { row: Earnings }) {
  const top = Math.max(row.high, row.mean) * 1.08 || 1;
  const place = (value: number) => `${(value / top) * 100}%`;
  return (
    <div className="relative h-3 rounded-full bg-line" role="img" aria-label={calculator.chart}>
      <div
        className="absolute inset-y-0 rounded-full bg-accent/30"
        style={{ left: place(row.low), width: place(Math.max(row.high - row.low, top * 0.004)) }}
      />
      <div
        className="absolute -inset-y-1 w-0.5 rounded bg-accent"
        style={{ left: place(row.mean) }}
      />
    </div>
  );
}
