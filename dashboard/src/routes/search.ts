// What may stand behind the question mark of a page's address. Anything else is left out, so a
// mistyped link opens the page as usual instead of breaking it.

/** The value if it is one of `known`. */
export function oneOf<T extends string>(value: unknown, known: readonly T[]): T | undefined {
  return known.find((item) => item === value);
}

/**
 * What was checked, every field of it optional. Those that are undefined stay in it: they take the
 * place of what stood in the address, which would come through otherwise.
 */
export function checked<T extends Record<string, unknown>>(fields: T): { [K in keyof T]?: T[K] } {
  return fields;
}
