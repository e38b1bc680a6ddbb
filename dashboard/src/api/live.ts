// Where the stream of changes meets the answers that are on the page.

import type { QueryClient } from "@tanstack/react-query";
import { setPoolTime } from "@/lib/clock";
import { changeConnection, connectionStore } from "./connection";
import { type EventName, EventStream } from "./events";
import { currentBase, leaveBase } from "./nodes";
import { minerQuery, nodesQuery, poolQuery } from "./queries";
import { createStore } from "./store";
import type { Block, Nodes, Payout, Pool } from "./types";

const POLL_MS = 30_000;
/** What no event brings, such as charts, is asked for again so often while the stream is live. */
const REFRESH_MS = 60_000;

/** A share of a miner somebody looks at. */
export type ShareEvent = {
  address: string;
  worker: string;
  node_id: number;
  shares: number;
  difficulty: string;
  last_share_at_ms: number;
  /** When this page heard of it, by the browser's clock. */
  heardAt_ms: number;
};

/** What is announced to those who do not look: only what they would want to be told. */
export type Announcement = { kind: "block"; block: Block } | { kind: "payout"; payout: Payout };

export const announcement = createStore<Announcement | null>(null);
export const newestShares = createStore<ReadonlyMap<string, ShareEvent>>(new Map());

let build: string | null = null;

/** Starts the stream and the timers of a page; what it returns ends them. */
export function startLive(queryClient: QueryClient): { stream: EventStream; stop: () => void } {
  const stream = new EventStream((name, data) => apply(queryClient, name, data));
  const unwant = ["pool", "blocks", "payouts", "nodes"].map((topic) => stream.want(topic));
  const poll = setInterval(() => {
    if (connectionStore.get().state !== "live") refreshShown(queryClient);
  }, POLL_MS);
  const refresh = setInterval(() => {
    if (connectionStore.get().state === "live") refreshShown(queryClient);
  }, REFRESH_MS);
  const unwatch = watchAnswers(queryClient);
  return {
    stream,
    stop: () => {
      for (const end of unwant) end();
      clearInterval(poll);
      clearInterval(refresh);
      unwatch();
      stream.stop();
    },
  };
}

function refreshShown(queryClient: QueryClient): void {
  void queryClient.invalidateQueries({ refetchType: "active" });
}

/** Notes the pool's clock and the age of what is shown, from whatever answers come. */
function watchAnswers(queryClient: QueryClient): () => void {
  return queryClient.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.action.type !== "success" || event.action.manual) return;
    const pool = event.query.queryKey[0] === "pool" ? (event.query.state.data as Pool) : undefined;
    if (pool) {
      setPoolTime(pool.node.now_ms);
      changeConnection({ nodeId: pool.node.id });
    }
    changeConnection({ heardAt_ms: Date.now() });
  });
}

/** Applies one event to the answers that are kept. */
export function apply(queryClient: QueryClient, name: EventName, data: unknown): void {
  switch (name) {
    case "hello":
      greet(queryClient, data as { node_id: number; build?: string });
      break;
    case "reset":
      refreshShown(queryClient);
      break;
    case "pool": {
      const pool = data as Partial<Pool>;
      queryClient.setQueryData<Pool>(poolQuery.queryKey, (old) =>
        old ? { ...old, ...pool } : old,
      );
      break;
    }
    case "nodes":
      queryClient.setQueryData<Nodes>(nodesQuery.queryKey, data as Nodes);
      break;
    case "block":
      announcement.set({ kind: "block", block: data as Block });
      invalidate(queryClient, ["blocks"], ["block"], ["effort"]);
      break;
    case "payout":
      announcement.set({ kind: "payout", payout: data as Payout });
      invalidate(queryClient, ["payouts"], ["pool"]);
      break;
    case "share":
      noteShare(queryClient, { ...(data as ShareEvent), heardAt_ms: Date.now() });
      break;
    default:
  }
}

function greet(queryClient: QueryClient, hello: { node_id: number; build?: string }): void {
  const isFirst = build === null;
  if (hello.build !== undefined) {
    if (build !== null && build !== hello.build) changeConnection({ isOutdated: true });
    build ??= hello.build;
  }
  changeConnection({ nodeId: hello.node_id, state: "live" });
  // Another node may have seen what this page has missed.
  if (!isFirst) refreshShown(queryClient);
}

function noteShare(queryClient: QueryClient, share: ShareEvent): void {
  newestShares.set(new Map(newestShares.get()).set(`${share.address} ${share.worker}`, share));
  invalidate(queryClient, minerQuery(share.address).queryKey);
}

function invalidate(queryClient: QueryClient, ...keys: readonly unknown[][]): void {
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey });
}

/** Tries another node because a person asked for it. */
export function tryAnotherNode(): void {
  leaveBase(currentBase.get());
}
