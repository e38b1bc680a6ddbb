// What this browser remembers. Storage may be full, forbidden or filled by somebody else; then
// the page works without.

/** In the browser until it is cleared, or in this tab until it is closed. */
export type Place = "browser" | "tab";

const storageOf = (place: Place) => (place === "tab" ? sessionStorage : localStorage);

/** A value that was kept, if it is one that `isValid` knows. */
export function remembered<T>(
  key: string,
  isValid: (value: unknown) => value is T,
  place: Place = "browser",
): T | null {
  try {
    const text = storageOf(place).getItem(`raftpool.${key}`);
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return isValid(value) ? value : null;
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown, place: Place = "browser"): void {
  try {
    storageOf(place).setItem(`raftpool.${key}`, JSON.stringify(value));
  } catch {
    // It is forgotten at the next visit, and nothing else happens.
  }
}

export function forget(key: string, place: Place = "browser"): void {
  try {
    storageOf(place).removeItem(`raftpool.${key}`);
  } catch {
    // As above.
  }
}
