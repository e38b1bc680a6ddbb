import { cx } from "./cx";

/** How far something has come, of a known whole. */
export function Progress({
  value,
  max,
  label,
  tone = "accent",
}: {
  value: number;
  max: number;
  label: string;
  tone?: "accent" | "muted";
}) {
  const part = max > 0 ? Math.min(1, Math.max(0, value / max)) : 0;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuenow={Math.min(value, max)}
      aria-valuemin={0}
      aria-valuemax={max}
      className="h-1.5 w-full overflow-hidden rounded-full bg-line"
    >
      <div
        className={cx(
          "h-full rounded-full transition-[width] duration-700",
          tone === "accent" ? "bg-accent" : "bg-muted",
        )}
        style={{ width: `${part * 100}%` }}
      />
    </div>
  );
}

/** Effort on a scale to 300 %, with a mark at the mean: more than that is bad luck, not a fault. */
export function EffortBar({ effort, label }: { effort: number; label: string }) {
  const full = 3;
  const part = Math.min(1, effort / full);
  return (
    <div>
      <div role="img" aria-label={label} className="relative h-2.5 rounded-full bg-line">
        <div
          className={cx(
            "absolute inset-y-0 left-0 rounded-full transition-[width] duration-700",
            effort > 3 ? "bg-warn" : effort > 1 ? "bg-muted" : "bg-accent",
          )}
          style={{ width: `${part * 100}%` }}
        />
        <div className="absolute -inset-y-1 left-1/3 w-0.5 rounded bg-ink" />
      </div>
      <div aria-hidden className="relative mt-1.5 h-4 text-[0.75rem] text-muted">
        <span className="absolute left-0">0</span>
        <span className="absolute left-1/3 -translate-x-1/2">100&#8239;%</span>
        <span className="absolute left-2/3 -translate-x-1/2">200&#8239;%</span>
        <span className="absolute right-0">300&#8239;%</span>
      </div>
    </div>
  );
}
