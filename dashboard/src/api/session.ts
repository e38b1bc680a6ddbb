// Sessions of those who have proved that an address is theirs: in this tab only, one per address.
// A session is forgotten when it ends, when a node does not know it any more, and when its owner
// ends it.

import { remember, remembered, forget as unremember } from "@/lib/storage";
import { createStore, useStore } from "./store";

export type Session = {
  /** What goes into the header, and nowhere else. */
  secret: string;
  /** When it ends by the clock of this browser, which may be minutes off the pool's. */
  ends_at_ms: number;
};

/** Why there is no session any more. */
export type Ending = "expired" | "refused" | "ended";
/** A session, why it is over, or null where there was none. */
export type SessionState = Session | Ending | null;

const sessions = createStore<ReadonlyMap<string, SessionState>>(new Map());
const keyOf = (address: string) => `session.${address}`;

function isSession(value: unknown): value is Session {
  const session = value as Session | null;
  return typeof session?.secret === "string" && typeof session.ends_at_ms === "number";
}

function change(address: string, state: SessionState): void {
  sessions.set(new Map(sessions.get()).set(address, state));
}

/** What is known of the session of an address. */
export function stateOf(
  address: string,
  known: ReadonlyMap<string, SessionState> = sessions.get(),
): SessionState {
  const state = known.has(address)
    ? (known.get(address) ?? null)
    : remembered(keyOf(address), isSession, "tab");
  return isSession(state) && state.ends_at_ms <= Date.now() ? "expired" : state;
}

export function sessionOf(address: string): Session | null {
  const state = stateOf(address);
  return isSession(state) ? state : null;
}

export function useSessionState(address: string): SessionState {
  return stateOf(address, useStore(sessions));
}

export function beginSession(address: string, session: Session): void {
  remember(keyOf(address), session, "tab");
  change(address, session);
}

/** Forgets a session. */
export function endSession(address: string, why: Ending): void {
  unremember(keyOf(address), "tab");
  change(address, why);
}

/** For tests: as in a fresh tab. */
export function forgetSessions(): void {
  for (const address of sessions.get().keys()) unremember(keyOf(address), "tab");
  sessions.set(new Map());
}
