// Names for what the API's answers consist of. They follow from the questions, so none of them can
// differ from the OpenAPI document.

import type { InfiniteData } from "@tanstack/react-query";
import type {
  blocksQuery,
  connectQuery,
  incidentsQuery,
  minerPayoutsQuery,
  minerQuery,
  networkQuery,
  nodesQuery,
  payoutsQuery,
  poolQuery,
  poolSeriesQuery,
  rewardsQuery,
  statementQuery,
  workerQuery,
  workersQuery,
} from "./queries";

// biome-ignore lint/suspicious/noExplicitAny: only the answer's type matters here.
type AnswerOf<Q extends { queryFn?: any }> = Awaited<ReturnType<Exclude<Q["queryFn"], undefined>>>;

export type Pool = AnswerOf<typeof poolQuery>;
export type PoolSettings = NonNullable<Pool["settings"]>;
export type Nodes = AnswerOf<typeof nodesQuery>;
export type PoolNode = Nodes["items"][number];
export type Series = AnswerOf<ReturnType<typeof poolSeriesQuery>>;
export type Blocks = AnswerOf<ReturnType<typeof blocksQuery>>;
export type Block = Blocks["items"][number];
export type Payouts = AnswerOf<typeof payoutsQuery>;
export type Payout = Payouts["items"][number];
export type Miner = AnswerOf<ReturnType<typeof minerQuery>>;
export type Workers = AnswerOf<ReturnType<typeof workersQuery>>;
export type Worker = Workers["items"][number];
export type WorkerDetail = AnswerOf<ReturnType<typeof workerQuery>>;
export type Session = WorkerDetail["sessions"][number];
export type Reward = AnswerOf<ReturnType<typeof rewardsQuery>>["items"][number];
export type StatementLine = AnswerOf<ReturnType<typeof statementQuery>>["items"][number];
export type Network = AnswerOf<typeof networkQuery>;
export type MinerPayout = AnswerOf<ReturnType<typeof minerPayoutsQuery>>["items"][number];

export type Incident = AnswerOf<typeof incidentsQuery>["items"][number];
export type Connect = AnswerOf<typeof connectQuery>;
export type PagesOf<T> = InfiniteData<T, unknown>;
