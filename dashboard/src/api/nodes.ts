// Which node of the pool this page talks to. It begins with the one that served the page; when
// that does not answer, the next of those it knows takes its place, and nobody has to reload.

import { createStore } from "./store";

/** Base addresses, the one in use included; an empty text is the origin of the page. */
let bases: string[] = [""];
export const currentBase = createStore("");

/** Newest log index an answer was read at, and from which node: the page never goes back. */
let newest = { index: 0, base: "" };

/** What the pool says where its nodes' APIs are. Those that are gone are forgotten, but not the one in use. */
export function learnBases(urls: readonly string[]): void {
  const known = urls.map(normalise).filter((url) => url !== null);
  bases = [...new Set(["", currentBase.get(), ...known])];
}

function normalise(url: string): string | null {
  try {
    const { origin, protocol } = new URL(url);
    if (protocol !== "http:" && protocol !== "https:") return null;
    return origin === location.origin ? "" : origin;
  } catch {
    return null;
  }
}

/** Leaves a node that failed, unless somebody else has left it already. */
export function leaveBase(failed: string): void {
  if (currentBase.get() !== failed) return;
  const place = bases.indexOf(failed);
  currentBase.set(bases[(place + 1) % bases.length] ?? "");
}

export function knownBases(): number {
  return bases.length;
}

/** Notes at which index an answer was read. */
export function noteIndex(index: number, base: string): void {
  if (index >= newest.index || base === newest.base)
    newest = { index: Math.max(index, newest.index), base };
}

/** What an answer must not be older than, where another node was asked before. */
export function minIndexFor(base: string): number | null {
  return newest.index > 0 && newest.base !== base ? newest.index : null;
}

/** For tests: everything as on a fresh page. */
export function forgetNodes(): void {
  bases = [""];
  newest = { index: 0, base: "" };
  currentBase.set("");
}
