import { useInfiniteQuery } from "@tanstack/react-query";
import { statementQuery } from "@/api/queries";
import type { StatementLine } from "@/api/types";
import { formatXel, parseAtomic } from "@/lib/amount";
import { miner, units } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { TableHead } from "@/ui/table-head";
import { When } from "@/ui/when";

/** What was booked to a miner, entry by entry. */
export function StatementTab({ address }: { address: string }) {
  const query = useInfiniteQuery(statementQuery(address));
  const { columns } = miner.statement;
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={4} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) {
          return <Empty title={miner.statement.empty}>{miner.statement.emptyText}</Empty>;
        }
        return (
          <>
            <table className="table">
              <TableHead
                columns={[
                  { name: miner.statement.entry },
                  { name: columns.block },
                  { name: columns.amount, isNumber: true },
                  { name: columns.found, isNumber: true },
                ]}
              />
              <tbody>
                {items.map((line) => (
                  <tr key={`${line.index} ${line.kind}`}>
                    <td data-label={miner.statement.entry} data-headline>
                      {miner.statement.what[line.kind] ?? line.kind}
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
  if (line.block_number) return miner.statement.blockNumber(formatCount(line.block_number));
  if (line.payout_id) return miner.statement.payoutNumber(formatCount(line.payout_id));
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
