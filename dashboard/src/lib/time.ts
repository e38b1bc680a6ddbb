// Durations and points in time for people.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const SPAN = { SECOND, MINUTE, HOUR, DAY };

/** The two largest units that matter: "2 h 5 min", "3 d 4 h", "42 s". */
export function formatDuration(ms: number): string {
  const size = Math.max(0, ms);
  if (size < MINUTE) return `${Math.floor(size / SECOND)}\u00a0s`;
  const two = (large: number, largeName: string, small: number, smallName: string) => {
    const whole = Math.floor(size / large);
    const rest = Math.floor((size % large) / small);
    const rest_shown = rest > 0 ? ` ${rest}\u00a0${smallName}` : "";
    return `${whole}\u00a0${largeName}${rest_shown}`;
  };
  if (size < HOUR) return `${Math.floor(size / MINUTE)}\u00a0min`;
  if (size < DAY) return two(HOUR, "h", MINUTE, "min");
  return two(DAY, "d", HOUR, "h");
}

/** About how long: one unit, rounded, as expectations deserve no more. */
export function formatRoughly(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < MINUTE) return `${Math.max(1, Math.round(ms / SECOND))}\u00a0s`;
  if (ms < HOUR) return `${Math.round(ms / MINUTE)}\u00a0min`;
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)}\u00a0h`;
  return `${Math.round(ms / DAY)}\u00a0d`;
}

/** "3 min ago", "in 2 h", by the words of the locale; `now_ms` is the clock of the data. */
export function formatRelative(at_ms: number, now_ms: number, locale?: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const delta = at_ms - now_ms;
  const size = Math.abs(delta);
  if (size < MINUTE) return format.format(Math.trunc(delta / SECOND), "second");
  if (size < HOUR) return format.format(Math.trunc(delta / MINUTE), "minute");
  if (size < DAY) return format.format(Math.trunc(delta / HOUR), "hour");
  return format.format(Math.trunc(delta / DAY), "day");
}

/** "in 24 minutes", begun minutes counted as whole ones. */
export function formatAhead(ms: number, locale?: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { style: "long" });
  return format.format(Math.max(1, Math.ceil(ms / MINUTE)), "minute");
}

/** "in 24 minutes", "in 3 hours", "in 2 days": one unit, rounded up. */
export function formatRoughlyAhead(ms: number, locale?: string): string {
  const format = new Intl.RelativeTimeFormat(locale, { style: "long" });
  if (ms < HOUR) return formatAhead(ms, locale);
  if (ms < 2 * DAY) return format.format(Math.ceil(ms / HOUR), "hour");
  return format.format(Math.ceil(ms / DAY), "day");
}

/** "24 minutes". */
export function formatMinutes(ms: number, locale?: string): string {
  const format = new Intl.NumberFormat(locale, {
    style: "unit",
    unit: "minute",
    unitDisplay: "long",
  });
  return format.format(Math.max(1, Math.ceil(ms / MINUTE)));
}

/** Date and time with seconds and zone, for tooltips and tables. */
export function formatAbsolute(at_ms: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long" }).format(at_ms);
}

/** Date and minute, for columns. */
export function formatMoment(at_ms: number, locale?: string): string {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  return format.format(at_ms);
}

/** Hour and minute, for "Data from 12:03". */
export function formatClock(at_ms: number, locale?: string): string {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(at_ms);
}
