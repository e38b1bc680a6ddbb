// Proving that an address is one's own, and what its owner may then set. Whatever changes something
// is sent once, to the node in use; an answer that does not come means that nobody knows whether it
// was done.

import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { poolNow } from "@/lib/clock";
import { ApiError, client, dataOf, doneOf } from "./client";
import type { components } from "./schema";
import { beginSession, endSession, sessionOf } from "./session";

type Schemas = components["schemas"];
export type Challenge = Schemas["OwnerChallenge"];
export type MinerSettings = Schemas["At_OwnerSettings"];
export type OwnToken = Schemas["OwnToken"];
export type SettingsChange = Schemas["ChangeSettings"];
export type NewToken = Schemas["MakeOwnToken"];
export type MadeToken = Schemas["OwnTokenMade"];
type Proof = Schemas["OpenSession"];

const OF_MINER = "/api/v1/miners/{address}";
const UNKNOWN_CODES = new Set(["no_answer", "outcome_unknown", "unknown"]);
const FROM_BETWEEN = new Set([502, 504]);

/** Whether a change that failed may have been made all the same. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (!(error instanceof ApiError)) return true;
  const { status, code } = error;
  if (status >= 400 && status < 500) return false;
  return UNKNOWN_CODES.has(code) || FROM_BETWEEN.has(status) || status < 400;
}

/** A text to be signed by the wallet of an address. */
export function askChallenge(address: string) {
  return dataOf(client.POST(`${OF_MINER}/challenge`, { params: { path: { address } } }));
}

/** Begins a session with a signed text. */
export async function proveAddress(address: string, body: Proof): Promise<void> {
  const params = { path: { address } };
  const proved = await dataOf(client.POST(`${OF_MINER}/session`, { params, body }));
  const ends_at_ms = Date.now() + proved.expires_at_ms - poolNow();
  beginSession(address, { secret: proved.session, ends_at_ms });
}

/** Asks with the session of an address, and forgets it when the node does not know it. */
async function asOwner<T>(
  address: string,
  ask: (headers: { Authorization: string }) => Promise<T>,
): Promise<T> {
  const session = sessionOf(address);
  if (session === null) throw new ApiError(401, "session_required", "");
  try {
    return await ask({ Authorization: `Bearer ${session.secret}` });
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status === 401;
    if (isRefused && sessionOf(address)?.secret === session.secret) endSession(address, "refused");
    throw error;
  }
}

/** Ends the session here at once, whether or not a node hears of it. */
export async function closeSession(address: string): Promise<void> {
  const over = asOwner(address, (headers) =>
    doneOf(client.DELETE(`${OF_MINER}/session`, { params: { path: { address } }, headers })),
  );
  endSession(address, "ended");
  await over;
}

const settingsKey = (address: string) => ["ownership", address];

export const settingsQuery = (address: string) =>
  queryOptions({
    queryKey: settingsKey(address),
    queryFn: ({ signal }) =>
      asOwner(address, (headers) => {
        const params = { path: { address } };
        return dataOf(client.GET(`${OF_MINER}/settings`, { params, headers, signal }));
      }),
  });

/** Forgets what an owner was told, for whoever sits at the machine next. */
export function forgetSettings(queryClient: QueryClient, address: string): void {
  queryClient.removeQueries({ queryKey: settingsKey(address) });
}

export function changeSettings(address: string, body: SettingsChange) {
  return asOwner(address, (headers) => {
    const params = { path: { address } };
    return dataOf(client.PATCH(`${OF_MINER}/settings`, { params, headers, body }));
  });
}

/** Names a worker for people; an empty label takes the name away. */
export function setLabel(address: string, worker: string, label: string) {
  return asOwner(address, (headers) => {
    const params = { path: { address, worker } };
    const body = { label };
    return dataOf(client.PUT(`${OF_MINER}/workers/{worker}/label`, { params, headers, body }));
  });
}

/** Makes a token, which is in this answer and nowhere else. */
export function makeToken(address: string, body: NewToken) {
  return asOwner(address, (headers) => {
    const params = { path: { address } };
    return dataOf(client.POST(`${OF_MINER}/tokens`, { params, headers, body }));
  });
}

export function revokeToken(address: string, id: string) {
  return asOwner(address, (headers) => {
    const params = { path: { address, id } };
    return doneOf(client.DELETE(`${OF_MINER}/tokens/{id}`, { params, headers }));
  });
}
