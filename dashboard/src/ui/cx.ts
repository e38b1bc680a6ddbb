/** Joins class names and leaves out what is not wanted. */
export function cx(...names: unknown[]): string {
  return names
    .filter((name) => typeof name === "string")
    .filter(Boolean)
    .join(" ");
}
