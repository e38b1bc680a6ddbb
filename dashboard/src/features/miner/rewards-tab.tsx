import { useInfiniteQuery } from "@tanstack/react-query";
import { statementQuery } from "@/api/queries";
import type { StatementLine } from "@/api/types";
import { formatXel, parseAtomic } from "@/lib/amount";
import { miner, units } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { When } from "@/ui/when";

/** What was booked to a miner, entry by entry. */
export function RewardsTab({ address }: { address: string }) {
  const query = useInfiniteQuery(statementQuery(address));
  const { columns } = miner.rewards;
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={4} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) {
          return <Empty title={miner.rewards.empty}>{miner.rewards.emptyText}</Empty>;
        }
        return (
          <>
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">{miner.rewards.entry}</th>
                  <th scope="col">{columns.block}</th>
                  <th scope="col" data-align="right">
                    {columns.amount}
                  </th>
                  <th scope="col" data-align="right">
                    {columns.found}
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((line) => (
                  <tr key={`${line.index} ${line.kind}`}>
                    <td data-label={miner.rewards.entry} data-headline>
                      {miner.rewards.what[line.kind] ?? line.kind}
                    </td>
                    <td data-label={columns.block}>{subjectOf(line)}</td>
                    <td data-label={columns.amount} data-align="right">
                      <Change line={line} />
                    </td>
                    <td data-label={columns.found} data-align="right">
                      <When at_ms={line.time_ms} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <LoadMore query={query} />
          </>
        );
      }}
    </Loaded>
  );
}

function subjectOf(line: StatementLine): string {
  if (line.block_number) return miner.rewards.blockNumber(formatCount(line.block_number));
  if (line.payout_id) return miner.rewards.payoutNumber(formatCount(line.payout_id));
  return "–";
}

/** The change of the miner's balance, else of whatever account of the miner changed most. */
function Change({ line }: { line: StatementLine }) {
  const amounts = Object.values(line.own_amounts).map((amount) => parseAtomic(amount) ?? 0n);
  const size = (amount: bigint) => (amount < 0n ? -amount : amount);
  const change =
    parseAtomic(line.own_amounts.balances) ??
    amounts.reduce((most, amount) => (size(amount) > size(most) ? amount : most), 0n);
  return (
    <span className={change < 0n ? "text-muted" : undefined}>
      {change > 0n && "+"}
      {formatXel(change, { digits: 6 })} <span className="text-muted">{units.xel}</span>
    </span>
  );
}
