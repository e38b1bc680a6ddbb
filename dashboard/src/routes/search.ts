// What may stand behind the question mark of a page's address. Anything else is left out, so a
// mistyped link opens the page as usual instead of breaking it.

/** The value if it is one of `known`. */
export function oneOf<T extends string>(value: unknown, known: readonly T[]): T | undefined {
  return known.find((item) => item === value);
}

/** An object without the fields that are undefined, so that they do not show in the address. */
export function given<T extends Record<string, unknown>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
