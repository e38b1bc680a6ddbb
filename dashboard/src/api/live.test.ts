import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test } from "vitest";
import { changeConnection, connectionStore } from "./connection";
import { announcement, apply, minerNews } from "./live";
import { minerQuery, poolQuery, workersQuery } from "./queries";

let client: QueryClient;
beforeEach(() => {
  client = new QueryClient();
  announcement.set(null);
  minerNews.set(new Map());
});

const isStale = (queryKey: readonly unknown[]) => client.getQueryState(queryKey)?.isInvalidated;

test("the pool as it is now replaces what is shown, and what is not told stays", () => {
  client.setQueryData(poolQuery.queryKey, { hashrate: 1, node: { id: 3 } } as never);
  apply(client, "pool", { hashrate: 2 });
  expect(client.getQueryData(poolQuery.queryKey)).toEqual({ hashrate: 2, node: { id: 3 } });
});

test("a pause of payouts has what happened asked for anew, and another rate does not", () => {
  const settings = { network: "devnet" };
  const payouts = { paused_reason: null };
  client.setQueryData(poolQuery.queryKey, { hashrate: 1, settings, payouts } as never);
  client.setQueryData(["incidents"], { pages: [] });
  apply(client, "pool", { hashrate: 2, settings, payouts });
  expect(isStale(["incidents"])).toBe(false);
  apply(client, "pool", { hashrate: 2, settings, payouts: { paused_reason: "a fork" } });
  expect(isStale(["incidents"])).toBe(true);
});

test("news of a pool that was never asked for make no half an answer", () => {
  apply(client, "pool", { hashrate: 2 });
  expect(client.getQueryData(poolQuery.queryKey)).toBeUndefined();
});

test("a found block is announced, and every list of blocks asked for anew", () => {
  client.setQueryData(["blocks", "all"], { pages: [] });
  const block = { hash: "ab", height: 7 };
  apply(client, "blocks", { items: [{ index: 5, change: "block_found", block }] });
  expect(announcement.get()).toEqual({ kind: "block", block });
  expect(isStale(["blocks", "all"])).toBe(true);
});

test("a block that is only credited is no announcement", () => {
  apply(client, "blocks", { items: [{ index: 6, change: "block_settled", block: {} }] });
  expect(announcement.get()).toBeNull();
});

test("a miner's news change its page, and a new worker has them asked for", () => {
  client.setQueryData(minerQuery("a").queryKey, {
    address: "a",
    shares: 1,
    on_hold: false,
  } as never);
  const page = { items: [{ name: "rig1", shares: 1, state: "ok" }], next_after: null };
  client.setQueryData(workersQuery("a").queryKey, { pages: [page], pageParams: [null] } as never);
  const news = (name: string) => ({
    address: "a",
    miner: { shares: 2 },
    workers: [{ name, shares: 2 }],
  });
  apply(client, "miner", news("rig1"));
  expect(client.getQueryData(minerQuery("a").queryKey)).toEqual({
    address: "a",
    shares: 2,
    on_hold: false,
  });
  expect(client.getQueryData(workersQuery("a").queryKey)?.pages[0]?.items).toEqual([
    { name: "rig1", shares: 2, state: "ok" },
  ]);
  expect(isStale(workersQuery("a").queryKey)).toBe(false);
  apply(client, "miner", news("rig2"));
  expect(isStale(workersQuery("a").queryKey)).toBe(true);
});

test("another program on the nodes is told to the page, the same one is not", () => {
  apply(client, "hello", { node_id: 1, build: "one" });
  apply(client, "hello", { node_id: 2, build: "one" });
  expect(connectionStore.get()).toMatchObject({ nodeId: 2, isOutdated: false });
  apply(client, "hello", { node_id: 2, build: "two" });
  expect(connectionStore.get().isOutdated).toBe(true);
});

test("what is shown is asked for anew after the stream was cut off, and not when it changes topics", () => {
  client.setQueryData(["effort"], {});
  changeConnection({ state: "live" });
  apply(client, "hello", { node_id: 1, build: "two" });
  expect(isStale(["effort"])).toBe(false);
  changeConnection({ state: "reconnecting" });
  apply(client, "hello", { node_id: 2, build: "two" });
  expect(isStale(["effort"])).toBe(true);
});
