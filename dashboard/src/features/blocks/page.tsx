import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useLinks } from "@/api/links";
import { type BlockFilter, blocksQuery, poolQuery } from "@/api/queries";
import { expectedBlockTime } from "@/lib/earnings";
import { blocks } from "@/lib/messages";
import { formatPercent, toNumber } from "@/lib/number";
import { formatRoughly } from "@/lib/time";
import { LoadMore } from "@/ui/load-more";
import { PageTitle } from "@/ui/page-title";
import { Empty, Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { BlocksTable } from "@/ui/pool/blocks-table";
import { Segmented } from "@/ui/segmented";
import { LatePanel } from "./late-panel";
import { LuckPanel } from "./luck-panel";

const route = getRouteApi("/blocks");
const FILTERS = ["all", "maturing", "settled", "orphaned"] as const;

export default function BlocksPage() {
  const { state = "all" } = route.useSearch();
  const navigate = route.useNavigate();
  const pool = useQuery(poolQuery);
  const list = useInfiniteQuery(blocksQuery(state));
  const setState = (next: BlockFilter) =>
    navigate({ search: next === "all" ? {} : { state: next }, replace: true, resetScroll: false });
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={blocks.title} intro={blocks.intro} />
      <LuckPanel />
      <Panel
        flush
        title={blocks.title}
        actions={
          <Segmented
            label={blocks.filter}
            value={state}
            options={FILTERS.map(
              (filter) => [filter, countedName(filter, pool.data?.totals)] as const,
            )}
            onChange={setState}
          />
        }
      >
        <BlockList filter={state} />
      </Panel>
      {/* Below a list of unknown length nothing is drawn before it, or it would move. */}
      {!list.isPending && <LatePanel />}
    </div>
  );
}

type Totals = {
  blocks: number;
  blocks_maturing: number;
  blocks_settled: number;
  blocks_orphaned: number;
};

function countedName(filter: BlockFilter, totals: Totals | undefined): string {
  const name = blocks.filters[filter];
  // The width of two figures, so that nothing moves when they come.
  if (!totals) return `${name} \u2007\u2007`;
  const count = {
    all: totals.blocks,
    maturing: totals.blocks_maturing,
    settled: totals.blocks_settled,
    orphaned: totals.blocks_orphaned,
  }[filter];
  return `${name} ${count}`;
}

function BlockList({ filter }: { filter: BlockFilter }) {
  const pool = useQuery(poolQuery);
  const query = useInfiniteQuery(blocksQuery(filter));
  const links = useLinks();
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={8} cells={7} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) return <NoBlocks filter={filter} />;
        return (
          <>
            <BlocksTable items={items} top={pool.data?.node} explorer={links.block} />
            <LoadMore query={query} />
          </>
        );
      }}
    </Loaded>
  );
}

function NoBlocks({ filter }: { filter: BlockFilter }) {
  const { data: pool } = useQuery(poolQuery);
  if (filter !== "all" && (pool?.totals.blocks ?? 0) > 0)
    return <Empty title={blocks.empty.filtered} />;
  const difficulty = toNumber(pool?.node.template?.network_difficulty);
  const wait_ms = expectedBlockTime(pool?.hashrate ?? null, difficulty);
  return (
    <Empty title={blocks.empty.title}>
      {Number.isFinite(wait_ms)
        ? blocks.empty.effort(formatPercent(pool?.round_effort), formatRoughly(wait_ms))
        : blocks.empty.idle}
    </Empty>
  );
}
