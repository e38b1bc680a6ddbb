// Amounts travel as decimal text of atomic units, of which one XEL has 10^8. They stay whole
// numbers up to the moment they are shown, so nothing is ever rounded on the way.

export const ATOMIC_PER_XEL = 100_000_000n;
const DECIMALS = 8;

/** Atomic units from the API's decimal text; what is no number counts as nothing known. */
export function parseAtomic(text: string | number | null | undefined): bigint | null {
  if (text === null || text === undefined) return null;
  const plain = String(text);
  return /^-?\d{1,39}$/.test(plain) ? BigInt(plain) : null;
}

/**
 * An amount in XEL for people: cut to exactly `digits` decimals, so that columns align, or with as
 * many as it has. An amount that would be cut to zero shows all its digits, so that something never
 * looks like nothing.
 */
export function formatXel(
  atomic: string | bigint | null | undefined,
  options: { digits?: number; locale?: string } = {},
): string {
  const value = typeof atomic === "bigint" ? atomic : parseAtomic(atomic);
  if (value === null) return "–";
  const digits = Math.min(options.digits ?? DECIMALS, DECIMALS);
  const sign = value < 0n ? "−" : "";
  const size = value < 0n ? -value : value;
  const whole = new Intl.NumberFormat(options.locale).format(size / ATOMIC_PER_XEL);
  const fraction = (size % ATOMIC_PER_XEL).toString().padStart(DECIMALS, "0");
  let shown = fraction.slice(0, digits);
  if (size > 0n && size < ATOMIC_PER_XEL && /^0*$/.test(shown)) shown = fraction;
  if (options.digits === undefined) shown = shown.replace(/0+$/, "").padEnd(2, "0");
  return sign + whole + (shown === "" ? "" : decimalSeparator(options.locale) + shown);
}

/** Atomic units from what a person typed in XEL, with a point or a comma; null when it is none. */
export function parseXel(typed: string): bigint | null {
  const match = /^(\d{1,12})(?:[.,](\d{1,8}))?$/.exec(typed.trim());
  if (match === null) return null;
  const [, whole = "0", fraction = ""] = match;
  return BigInt(whole) * ATOMIC_PER_XEL + BigInt(fraction.padEnd(DECIMALS, "0"));
}

/** The decimal text of an amount that a program can read: no grouping, a point, all digits. */
export function plainXel(atomic: bigint): string {
  const whole = atomic / ATOMIC_PER_XEL;
  const fraction = (atomic % ATOMIC_PER_XEL).toString().padStart(DECIMALS, "0").replace(/0+$/, "");
  return fraction === "" ? whole.toString() : `${whole}.${fraction}`;
}

/** XEL as a number, for charts and estimates only. */
export function toXel(atomic: string | bigint | null | undefined): number {
  const value = typeof atomic === "bigint" ? atomic : parseAtomic(atomic);
  return value === null ? 0 : Number(value) / Number(ATOMIC_PER_XEL);
}

function decimalSeparator(locale?: string): string {
  const parts = new Intl.NumberFormat(locale).formatToParts(1.5);
  return parts.find((part) => part.type === "decimal")?.value ?? ".";
}
