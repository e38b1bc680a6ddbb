import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import { useLinks } from "@/api/links";
import { payoutsQuery, poolQuery } from "@/api/queries";
import { formatXel } from "@/lib/amount";
import { payouts } from "@/lib/messages";
import { LoadMore } from "@/ui/load-more";
import { PageTitle } from "@/ui/page-title";
import { Empty, Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { PayoutsTable } from "@/ui/pool/payouts-table";
import { BooksPanel } from "./books-panel";
import { Schedule } from "./schedule";

export default function PayoutsPage() {
  const pool = useQuery(poolQuery);
  const query = useInfiniteQuery(payoutsQuery);
  const links = useLinks();
  const paused = pool.data?.payouts.paused_reason;
  const minimum = formatXel(pool.data?.settings?.payout_threshold_atomic);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={payouts.title} intro={payouts.intro} />
      {paused && (
        <p className="flex items-center gap-2 rounded-lg border border-warn/40 bg-warn-soft px-4 py-3 text-warn">
          <CircleAlert size={17} aria-hidden className="shrink-0" />
          {payouts.schedule.paused(paused)}
        </p>
      )}
      <Schedule pool={pool.data} />
      <Panel title={payouts.title} flush>
        <Loaded query={query} skeleton={<RowsSkeleton rows={6} cells={7} />}>
          {({ pages }) => {
            const items = pages.flatMap((page) => page.items);
            if (items.length === 0) {
              return <Empty title={payouts.empty.title}>{payouts.empty.text(minimum)}</Empty>;
            }
            return (
              <>
                <PayoutsTable
                  items={items}
                  explorer={links.transaction}
                  top={pool.data?.node.template}
                />
                <LoadMore query={query} />
              </>
            );
          }}
        </Loaded>
      </Panel>
      {/* Below a list of unknown length nothing is drawn before it, or it would move. */}
      {!query.isPending && <BooksPanel pool={pool} />}
    </div>
  );
}
