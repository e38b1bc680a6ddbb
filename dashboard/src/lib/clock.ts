// The pool's clock as this browser knows it. Clocks of visitors are wrong by minutes, and "found
// 3 minutes from now" helps nobody, so ages are counted by the clock of the node that answered.

let offset_ms = 0;

/** Notes what a node's clock said when an answer came; the way back costs far below a second. */
export function setPoolTime(pool_ms: number): void {
  const offset = pool_ms - Date.now();
  // Small differences are the network's, and following them would make numbers jump.
  if (Math.abs(offset - offset_ms) > 1_500) offset_ms = offset;
}

export function poolNow(): number {
  return Date.now() + offset_ms;
}
