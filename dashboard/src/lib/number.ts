// Rates, difficulties, ratios and counts for people.

const SCALES = ["", "k", "M", "G", "T", "P", "E"];

export type Scaled = { value: string; unit: string };

/** A number from the API, which sends large ones as text. */
export function toNumber(value: string | number | null | undefined): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Three significant digits with a prefix of the unit: 12,345 is 12.3 k. */
export function scale(value: number, unit: string, locale?: string): Scaled {
  let index = 0;
  let scaled = value;
  // 999.5 would be shown as 1,000, which is a step further.
  while (Math.abs(scaled) >= 999.5 && index < SCALES.length - 1) {
    scaled /= 1000;
    index += 1;
  }
  const digits = index === 0 && Number.isInteger(scaled) ? 0 : fractionDigits(scaled);
  const format = new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return { value: format.format(scaled), unit: `${SCALES[index] ?? ""}${unit}` };
}

function fractionDigits(value: number): number {
  const size = Math.abs(value);
  if (size >= 99.95) return 0;
  return size >= 9.995 ? 1 : 2;
}

export function hashrate(value: string | number | null | undefined, locale?: string): Scaled {
  const number = toNumber(value);
  return number === null ? { value: "–", unit: "" } : scale(number, "H/s", locale);
}

export function formatHashrate(value: string | number | null | undefined, locale?: string): string {
  const { value: shown, unit } = hashrate(value, locale);
  return unit === "" ? shown : `${shown}\u00a0${unit}`;
}

export function formatScaled(value: string | number | null | undefined, locale?: string): string {
  const number = toNumber(value);
  if (number === null) return "–";
  const { value: shown, unit } = scale(number, "", locale);
  return unit === "" ? shown : `${shown}\u00a0${unit}`;
}

export function formatCount(value: string | number | null | undefined, locale?: string): string {
  const number = toNumber(value);
  return number === null ? "–" : new Intl.NumberFormat(locale).format(number);
}

/** A ratio as percent: "0.413000" is 41 %, below 10 % with one more digit. */
export function formatPercent(
  ratio: string | number | null | undefined,
  options: { digits?: number; locale?: string } = {},
): string {
  const number = toNumber(ratio);
  if (number === null) return "–";
  const small = number !== 0 && Math.abs(number) < 0.0995;
  const digits = options.digits ?? (small ? (Math.abs(number) < 0.00995 ? 2 : 1) : 0);
  const format = new Intl.NumberFormat(options.locale, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(number);
}

/** Hundredths of a percent, as fees are set. */
export function formatBasisPoints(bps: number, locale?: string): string {
  const format = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 2 });
  return format.format(bps / 10_000);
}

/**
 * Standard error of a hashrate that is estimated from `shares` shares, as a ratio: their number
 * in a span is Poisson, so its deviation is the square root. Null without any.
 */
export function relativeError(shares: number): number | null {
  return shares > 0 ? 1 / Math.sqrt(shares) : null;
}
