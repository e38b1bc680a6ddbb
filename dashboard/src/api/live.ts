// Where the stream of changes meets the answers that are on the page. What is told as it is now
// (the pool, the nodes, a miner) replaces what is shown; what has happened (to blocks and payouts)
// makes the lists be asked for anew, and is announced.

import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { setPoolTime } from "@/lib/clock";
import { changeConnection, connectionStore } from "./connection";
import { type EventName, EventStream } from "./events";
import { learnBases } from "./nodes";
import { connectQuery, minerQuery, nodesQuery, poolQuery, workersQuery } from "./queries";
import type { components } from "./schema";
import { createStore } from "./store";
import type { Block, Miner, Nodes, Payout, Pool, Workers } from "./types";

const POLL_MS = 30_000;
/** What no event brings, such as charts, is asked for again so often while the stream is live. */
const REFRESH_MS = 60_000;
const ALWAYS_WANTED = ["pool", "blocks", "payouts", "nodes"];

type Schemas = components["schemas"];
export type MinerNews = Schemas["MinerNews"];

/** What is announced to those who do not look: only what they would want to be told. */
export type Announcement = { kind: "block"; block: Block } | { kind: "payout"; payout: Payout };

export const announcement = createStore<Announcement | null>(null);
/** The newest news of each miner somebody looks at, by address. */
export const minerNews = createStore<ReadonlyMap<string, MinerNews>>(new Map());

let build: string | null = null;

/** Starts the stream and the timers of a page; what it returns ends them. */
export function startLive(queryClient: QueryClient): { stream: EventStream; stop: () => void } {
  const stream = new EventStream((name, data) => apply(queryClient, name, data));
  const unwant = ALWAYS_WANTED.map((topic) => stream.want(topic));
  const poll = setInterval(() => {
    if (connectionStore.get().state !== "live") refreshShown(queryClient);
  }, POLL_MS);
  const refresh = setInterval(() => {
    if (connectionStore.get().state === "live") refreshShown(queryClient);
  }, REFRESH_MS);
  const unwatch = watchAnswers(queryClient);
  // The other nodes are learned before they are needed.
  void queryClient.prefetchQuery(connectQuery);
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

/** Notes the pool's clock, its nodes, and the age of what is shown, from whatever answers come. */
function watchAnswers(queryClient: QueryClient): () => void {
  return queryClient.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.action.type !== "success") return;
    const { queryKey, state } = event.query;
    if (queryKey[0] === "connect" || queryKey[0] === "nodes") {
      learnNodes(state.data as { nodes?: Addressed[]; items?: Addressed[] });
    }
    if (event.action.manual) return;
    if (queryKey[0] === "pool") {
      const { node } = state.data as Pool;
      setPoolTime(node.now_ms);
      changeConnection({ nodeId: node.id });
    }
    changeConnection({ heardAt_ms: Date.now() });
  });
}

type Addressed = { api_url: string | null };

function learnNodes({ nodes, items }: { nodes?: Addressed[]; items?: Addressed[] }): void {
  learnBases((nodes ?? items ?? []).flatMap(({ api_url }) => api_url ?? []));
}

/** Applies one event to the answers that are kept. */
export function apply(queryClient: QueryClient, name: EventName, data: unknown): void {
  switch (name) {
    case "hello":
      greet(queryClient, data as Schemas["Hello"]);
      break;
    case "reset":
      refreshShown(queryClient);
      break;
    case "pool":
      notePool(queryClient, data as Partial<Pool>);
      break;
    case "nodes":
      queryClient.setQueryData<Nodes>(nodesQuery.queryKey, data as Nodes);
      break;
    case "blocks":
      for (const { change, block } of (data as Schemas["BlockChanges"]).items) {
        if (change === "block_found") announcement.set({ kind: "block", block });
      }
      invalidate(queryClient, ["blocks"], ["block"], ["effort"]);
      break;
    case "payouts":
      for (const { change, payout } of (data as Schemas["PayoutChanges"]).items) {
        if (change === "payout_confirmed") announcement.set({ kind: "payout", payout });
      }
      invalidate(queryClient, ["payouts"]);
      break;
    case "miner":
      noteMiner(queryClient, data as MinerNews);
      break;
    default:
  }
}

function greet(queryClient: QueryClient, hello: Schemas["Hello"]): void {
  if (build !== null && build !== hello.build) changeConnection({ isOutdated: true });
  build ??= hello.build;
  // A stream that is opened for other topics has missed nothing; one that was cut off may have, of
  // what no event brings.
  const wasCut = !["live", "connecting"].includes(connectionStore.get().state);
  if (wasCut) refreshShown(queryClient);
  changeConnection({ nodeId: hello.node_id });
}

function notePool(queryClient: QueryClient, news: Partial<Pool>): void {
  const old = queryClient.getQueryData<Pool>(poolQuery.queryKey);
  if (old === undefined) return;
  queryClient.setQueryData<Pool>(poolQuery.queryKey, { ...old, ...news });
  // There is no event for what happened to the pool: it shows by what it changes.
  const told = ({ payouts, settings }: Partial<Pool>) =>
    JSON.stringify([payouts?.paused_reason, settings]);
  if (told({ ...old, ...news }) !== told(old)) invalidate(queryClient, ["incidents"]);
}

function noteMiner(queryClient: QueryClient, news: MinerNews): void {
  minerNews.set(new Map(minerNews.get()).set(news.address, news));
  const { queryKey } = minerQuery(news.address);
  if (queryClient.getQueryData(queryKey) === undefined) {
    // It was not known until now, and now it is.
    invalidate(queryClient, queryKey);
    return;
  }
  queryClient.setQueryData<Miner>(queryKey, (old) =>
    old && news.miner ? { ...old, ...news.miner } : old,
  );
  const workers = workersQuery(news.address).queryKey;
  const fresh = new Map(news.workers.map((worker) => [worker.name, worker]));
  queryClient.setQueryData<InfiniteData<Workers, string | null>>(workers, (old) => {
    if (!old) return old;
    const pages = old.pages.map((page) => ({
      ...page,
      items: page.items.map((item) => {
        const worker = fresh.get(item.name);
        fresh.delete(item.name);
        return worker ? { ...item, ...worker } : item;
      }),
    }));
    return { ...old, pages };
  });
  if (fresh.size > 0) invalidate(queryClient, workers);
}

function invalidate(queryClient: QueryClient, ...keys: (readonly unknown[])[]): void {
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey });
}
