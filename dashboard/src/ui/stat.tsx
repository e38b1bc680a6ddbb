import type { CSSProperties, ReactNode } from "react";
import { cx } from "./cx";
import { Hint } from "./hint";

export type StatValue = {
  /** Different for each number of a sheet. */
  label: string;
  value: ReactNode;
  unit?: ReactNode;
  /** A line below the value. */
  note?: ReactNode;
  /** What the number means, on demand. */
  hint?: ReactNode;
};

/** One number with its name. `undefined` as a value is one that has not come yet. */
export function Stat({
  label,
  value,
  unit,
  note,
  hint,
  size = "md",
  className,
}: StatValue & { size?: "md" | "lg"; className?: string }) {
  return (
    <div className={cx("min-w-0", className)}>
      <dt className="eyebrow flex min-h-5 items-center gap-1">
        <span className="truncate">{label}</span>
        {hint && <Hint name={label}>{hint}</Hint>}
      </dt>
      <dd className="mt-0.5">
        <span className={cx("figure", size === "lg" ? "text-[1.85rem]" : "text-[1.22rem]")}>
          {value === undefined ? (
            <span className="skeleton inline-block h-[0.8em] w-20 align-baseline" />
          ) : (
            value
          )}
        </span>
        {unit && value !== undefined && <span className="ml-1 text-sm text-muted">{unit}</span>}
        {note !== undefined && (
          <span className="block min-h-5 text-[0.82rem] text-muted">{note}</span>
        )}
      </dd>
    </div>
  );
}

/** Up to so many numbers fit side by side; more of them stand in rows of four. */
const ROW_MAX = 6;

/** Numbers side by side, parted by hairlines like a page of a ledger. */
export function StatSheet({ stats, className }: { stats: StatValue[]; className?: string }) {
  const columns = stats.length <= ROW_MAX ? stats.length : 4;
  return (
    <dl
      style={{ "--columns": columns } as CSSProperties}
      className={cx(
        "panel grid grid-cols-2 gap-px overflow-hidden bg-line md:grid-cols-[repeat(var(--columns),minmax(0,1fr))]",
        className,
      )}
    >
      {stats.map((stat) => (
        <Stat
          key={stat.label}
          {...stat}
          className="bg-surface px-5 py-3.5 max-md:last:odd:col-span-2 max-sm:px-4"
        />
      ))}
    </dl>
  );
}
