import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { useLinks } from "@/api/links";
import { poolQuery, recentBlocksQuery } from "@/api/queries";
import { expectedBlockTime } from "@/lib/earnings";
import { blocks, home } from "@/lib/messages";
import { formatPercent, toNumber } from "@/lib/number";
import { formatRoughly } from "@/lib/time";
import { buttonClass } from "@/ui/button";
import { Empty, Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { AddressSearch } from "@/ui/pool/address-search";
import { BlocksTable } from "@/ui/pool/blocks-table";
import { ConnectPanel } from "./connect-panel";
import { HashratePanel } from "./hashrate-panel";
import { PoolStats } from "./pool-stats";
import { RoundPanel } from "./round-panel";

const BLOCKS_SHOWN = 5;

export default function HomePage() {
  const pool = useQuery(poolQuery);
  const { prefix } = useLinks();
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <section className="grid items-end gap-x-12 gap-y-5 pb-2 lg:grid-cols-[1.25fr_1fr]">
        <div>
          <h1 className="text-[1.9rem] leading-tight font-semibold tracking-tight max-sm:text-[1.55rem]">
            {home.title}
          </h1>
          <p className="mt-2.5 max-w-[38rem] text-muted">{home.intro}</p>
          <div className="mt-4 flex flex-wrap gap-2.5">
            <Link to="/start" className={buttonClass("primary")}>
              {home.start} <ArrowRight size={15} aria-hidden />
            </Link>
            <Link to="/rules" className={buttonClass()}>
              {home.rules}
            </Link>
          </div>
        </div>
        <AddressSearch prefix={prefix} />
      </section>
      <div className="grid gap-5 max-sm:gap-4 lg:grid-cols-[1.9fr_1fr]">
        <HashratePanel />
        <RoundPanel pool={pool} />
      </div>
      <PoolStats pool={pool.data} />
      <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-[1.9fr_1fr]">
        <RecentBlocks />
        <ConnectPanel />
      </div>
    </div>
  );
}

function RecentBlocks() {
  const pool = useQuery(poolQuery);
  const recent = useQuery(recentBlocksQuery);
  const { block } = useLinks();
  const wait_ms = expectedBlockTime(
    pool.data?.hashrate ?? null,
    toNumber(pool.data?.node.template?.network_difficulty),
  );
  return (
    <Panel
      title={home.blocks.title}
      flush
      actions={
        <Link to="/blocks" className="link text-sm">
          {home.blocks.all}
        </Link>
      }
    >
      <Loaded query={recent} skeleton={<RowsSkeleton rows={BLOCKS_SHOWN} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={blocks.empty.title}>
              {Number.isFinite(wait_ms)
                ? blocks.empty.effort(
                    formatPercent(pool.data?.round_effort),
                    formatRoughly(wait_ms),
                  )
                : blocks.empty.idle}
            </Empty>
          ) : (
            <BlocksTable
              items={items.slice(0, BLOCKS_SHOWN)}
              top={pool.data?.node}
              explorer={block}
              brief
            />
          )
        }
      </Loaded>
    </Panel>
  );
}
