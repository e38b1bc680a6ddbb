import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useLinks } from "@/api/links";
import { poolQuery, rewardsQuery } from "@/api/queries";
import type { Reward } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { blocks, miner, schemes, units } from "@/lib/messages";
import { formatCount, formatPercent } from "@/lib/number";
import { State } from "@/ui/badge";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { CsvLink } from "@/ui/pool/csv-link";
import { Hash } from "@/ui/pool/hash";
import { type ChainTop, Maturity } from "@/ui/pool/maturity";
import { TableHead } from "@/ui/table-head";
import { When } from "@/ui/when";

/** What blocks brought a miner, and what those that are not final will. */
export function RewardsTab({ address }: { address: string }) {
  const query = useInfiniteQuery(rewardsQuery(address));
  const { data: pool } = useQuery(poolQuery);
  const links = useLinks();
  const { columns } = miner.rewards;
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={4} cells={6} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0 && !query.hasNextPage) {
          return <Empty title={miner.rewards.empty}>{miner.rewards.emptyText}</Empty>;
        }
        return (
          <>
            <table className="table">
              <TableHead
                columns={[
                  { name: columns.block },
                  { name: columns.hash },
                  { name: columns.state },
                  { name: columns.scheme },
                  { name: columns.part, isNumber: true },
                  { name: columns.amount, isNumber: true },
                  { name: columns.found, isNumber: true },
                ]}
              />
              <tbody>
                {items.map((reward) => (
                  <tr key={reward.block_number}>
                    <td data-label={columns.block} data-headline>
                      <span className="font-semibold">{formatCount(reward.height)}</span>
                      <span className="flex min-w-40 justify-end sm:hidden">
                        <RewardState reward={reward} top={pool?.node} />
                      </span>
                    </td>
                    <td data-label={columns.hash}>
                      <Hash
                        hash={reward.block_hash}
                        url={links.block(reward.block_hash)}
                        kind="block"
                      />
                    </td>
                    <td data-label={columns.state} className="w-48 max-sm:!hidden">
                      <RewardState reward={reward} top={pool?.node} />
                    </td>
                    <td data-label={columns.scheme}>
                      {schemes.names[reward.scheme] ?? reward.scheme}
                    </td>
                    <td data-label={columns.part} data-align="right">
                      {formatPercent(reward.part, { digits: 2 })}
                    </td>
                    <td
                      data-label={columns.amount}
                      data-align="right"
                      className="whitespace-nowrap"
                    >
                      <span className={reward.is_expected ? "text-muted" : undefined}>
                        {reward.is_expected && "≈ "}
                        {formatXel(reward.amount_atomic, { digits: 6 })}{" "}
                        <span className="text-muted">{units.xel}</span>
                      </span>
                    </td>
                    <td data-label={columns.found} data-align="right">
                      <When at_ms={reward.found_at_ms} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <LoadMore query={query} />
            <CsvLink path={`/api/v1/miners/${address}/rewards.csv`}>{miner.csv.rewards}</CsvLink>
          </>
        );
      }}
    </Loaded>
  );
}

function RewardState({ reward, top }: { reward: Reward; top: ChainTop | undefined }) {
  if (reward.is_expected) return <Maturity height={reward.height} top={top} />;
  return <State tone="good">{blocks.states.settled}</State>;
}
