// What this browser remembers. Storage may be full, forbidden or filled by somebody else; then
// the page works without.

/** A value that was kept, if it is one that `isValid` knows. */
export function remembered<T>(key: string, isValid: (value: unknown) => value is T): T | null {
  try {
    const text = localStorage.getItem(`raftpool.${key}`);
    if (text === null) return null;
    const value: unknown = JSON.parse(text);
    return isValid(value) ? value : null;
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(`raftpool.${key}`, JSON.stringify(value));
  } catch {
    // It is forgotten at the next visit, and nothing else happens.
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(`raftpool.${key}`);
  } catch {
    // As above.
  }
}
