import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useLinks } from "@/api/links";
import { minerPayoutsQuery, minerQuery, poolQuery } from "@/api/queries";
import { formatXel, parseAtomic } from "@/lib/amount";
import { miner } from "@/lib/messages";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { CsvLink } from "@/ui/pool/csv-link";
import { PayoutsTable } from "@/ui/pool/payouts-table";

export function PayoutsTab({ address }: { address: string }) {
  const query = useInfiniteQuery(minerPayoutsQuery(address));
  const { data } = useQuery(minerQuery(address));
  const { data: pool } = useQuery(poolQuery);
  const links = useLinks();
  const missing =
    (parseAtomic(data?.payout_threshold_atomic) ?? 0n) - (parseAtomic(data?.balance_atomic) ?? 0n);
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={4} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) {
          return (
            <Empty title={miner.payouts.empty}>
              {missing > 0n && miner.payouts.emptyText(formatXel(missing, { digits: 4 }))}
            </Empty>
          );
        }
        const own = new Map(items.map((item) => [item.payout.id, item.transfer_atomic]));
        return (
          <>
            <PayoutsTable
              items={items.map((item) => item.payout)}
              explorer={links.transaction}
              top={pool?.node.template}
              amount={(payout) => own.get(payout.id) ?? "0"}
            />
            <LoadMore query={query} />
            <CsvLink path={`/api/v1/miners/${address}/payouts.csv`}>{miner.csv.payouts}</CsvLink>
          </>
        );
      }}
    </Loaded>
  );
}
