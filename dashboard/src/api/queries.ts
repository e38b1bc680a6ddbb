// Every question to the API, once: its key, and what asks it. Lists that go back in time are
// infinite queries, whose next page is what the answer's cursor says.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client, dataOf } from "./client";

const V1 = "/api/v1";
export const PAGE_ROWS = 25;

export type SeriesStep = "ten_minutes" | "hour" | "day";
export type BlockFilter = "all" | "maturing" | "settled" | "orphaned";

export const poolQuery = queryOptions({
  queryKey: ["pool"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/pool`, { signal })),
});

export const nodesQuery = queryOptions({
  queryKey: ["nodes"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/nodes`, { signal })),
});

export const effortQuery = queryOptions({
  queryKey: ["effort"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/pool/effort`, { signal })),
});

export const latenessQuery = queryOptions({
  queryKey: ["lateness"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/pool/lateness`, { signal })),
});

export const reserveQuery = queryOptions({
  queryKey: ["reserve"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/reserve`, { signal })),
});

export const feesQuery = queryOptions({
  queryKey: ["network", "fees"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/network/fees`, { signal })),
});

export const poolSeriesQuery = (step: SeriesStep, length_ms: number) =>
  queryOptions({
    queryKey: ["series", "pool", step, length_ms],
    queryFn: ({ signal }) => {
      const query = { step, since_ms: Date.now() - length_ms };
      return dataOf(client.GET(`${V1}/pool/series`, { params: { query }, signal }));
    },
    placeholderData: keepPreviousData,
  });

export const minerSeriesQuery = (
  address: string,
  worker: string | null,
  step: SeriesStep,
  length_ms: number,
) =>
  queryOptions({
    queryKey: ["miner", address, "series", worker, step, length_ms],
    queryFn: ({ signal }) => {
      const query = {
        step,
        since_ms: Date.now() - length_ms,
        ...(worker === null ? {} : { worker }),
      };
      const params = { path: { address }, query };
      return dataOf(client.GET(`${V1}/miners/{address}/series`, { params, signal }));
    },
    placeholderData: keepPreviousData,
  });

const before = (cursor: number | null) => (cursor === null ? {} : { before: cursor });

export const blocksQuery = (filter: BlockFilter = "all") =>
  infiniteQueryOptions({
    queryKey: ["blocks", filter],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: PAGE_ROWS,
        ...before(pageParam),
        ...(filter === "all" ? {} : { status: filter }),
      };
      return dataOf(client.GET(`${V1}/blocks`, { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next_before ?? null,
  });

export const recentBlocksQuery = queryOptions({
  queryKey: ["blocks", "recent"],
  queryFn: ({ signal }) =>
    dataOf(client.GET(`${V1}/blocks`, { params: { query: { limit: 100 } }, signal })),
});

export const blockQuery = (hash: string) =>
  queryOptions({
    queryKey: ["block", hash],
    queryFn: ({ signal }) =>
      dataOf(client.GET(`${V1}/blocks/{hash}`, { params: { path: { hash } }, signal })),
  });

export const payoutsQuery = infiniteQueryOptions({
  queryKey: ["payouts", "all"],
  initialPageParam: null as number | null,
  queryFn: ({ pageParam, signal }) => {
    const query = { limit: PAGE_ROWS, ...before(pageParam) };
    return dataOf(client.GET(`${V1}/payouts`, { params: { query }, signal }));
  },
  getNextPageParam: (page) => page.next_before ?? null,
});

export const incidentsQuery = infiniteQueryOptions({
  queryKey: ["incidents"],
  initialPageParam: null as number | null,
  queryFn: ({ pageParam, signal }) => {
    const query = { limit: 10, ...before(pageParam) };
    return dataOf(client.GET(`${V1}/incidents`, { params: { query }, signal }));
  },
  getNextPageParam: (page) => page.next_before ?? null,
});

export const payoutQuery = (id: number) =>
  queryOptions({
    queryKey: ["payouts", id],
    queryFn: ({ signal }) =>
      dataOf(client.GET(`${V1}/payouts/{id}`, { params: { path: { id } }, signal })),
  });

export const minerQuery = (address: string) =>
  queryOptions({
    queryKey: ["miner", address],
    queryFn: ({ signal }) =>
      dataOf(client.GET(`${V1}/miners/{address}`, { params: { path: { address } }, signal })),
  });

/** The ledger bounds the workers of a miner; a hundred of them at a time are plenty for a page. */
export const workersQuery = (address: string) =>
  infiniteQueryOptions({
    queryKey: ["miner", address, "workers"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 100, ...(pageParam === null ? {} : { after: pageParam }) };
      const params = { path: { address }, query };
      return dataOf(client.GET(`${V1}/miners/{address}/workers`, { params, signal }));
    },
    getNextPageParam: (page) => page.next_after ?? null,
  });

export const minerPayoutsQuery = (address: string) =>
  infiniteQueryOptions({
    queryKey: ["miner", address, "payouts"],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE_ROWS, ...before(pageParam) };
      const params = { path: { address }, query };
      return dataOf(client.GET(`${V1}/miners/{address}/payouts`, { params, signal }));
    },
    getNextPageParam: (page) => page.next_before ?? null,
  });

/** Changes when the operator changes it, so it is asked for rarely. */
export const connectQuery = queryOptions({
  queryKey: ["connect"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/connect`, { signal })),
  staleTime: 60_000,
});

export const networkQuery = queryOptions({
  queryKey: ["network"],
  queryFn: ({ signal }) => dataOf(client.GET(`${V1}/network`, { signal })),
});

export const workerQuery = (address: string, worker: string) =>
  queryOptions({
    queryKey: ["miner", address, "worker", worker],
    queryFn: ({ signal }) => {
      const params = { path: { address, worker } };
      return dataOf(client.GET(`${V1}/miners/{address}/workers/{worker}`, { params, signal }));
    },
  });

export const statementQuery = (address: string) =>
  infiniteQueryOptions({
    queryKey: ["miner", address, "statement"],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE_ROWS, ...before(pageParam) };
      const params = { path: { address }, query };
      return dataOf(client.GET(`${V1}/miners/{address}/statement`, { params, signal }));
    },
    getNextPageParam: (page) => page.next_before ?? null,
  });

export const rewardsQuery = (address: string) =>
  infiniteQueryOptions({
    queryKey: ["miner", address, "rewards"],
    initialPageParam: null as number | null,
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE_ROWS, ...before(pageParam) };
      const params = { path: { address }, query };
      return dataOf(client.GET(`${V1}/miners/{address}/rewards`, { params, signal }));
    },
    getNextPageParam: (page) => page.next_before ?? null,
  });
