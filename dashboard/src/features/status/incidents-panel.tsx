import { useInfiniteQuery } from "@tanstack/react-query";
import { incidentsQuery } from "@/api/queries";
import type { Incident } from "@/api/types";
import { status } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { When } from "@/ui/when";

const words = status.incidents;

/** What happened to the pool, as far as the books have it, newest first. */
export function IncidentsPanel() {
  const query = useInfiniteQuery(incidentsQuery);
  return (
    <Panel title={words.title} note={words.note} flush>
      <Loaded query={query} skeleton={<RowsSkeleton rows={3} cells={2} />}>
        {({ pages }) => {
          const items = pages.flatMap((page) => page.items);
          if (items.length === 0 && !query.hasNextPage) {
            return <Empty title={words.none.title}>{words.none.text}</Empty>;
          }
          return (
            <>
              <ol className="divide-y divide-line">
                {items.map((incident) => (
                  <Row key={incident.index} incident={incident} />
                ))}
              </ol>
              <LoadMore query={query} />
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

function Row({ incident }: { incident: Incident }) {
  const { what, payout_id, reason, time_ms } = incident;
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1 px-5 py-3">
      <span className="min-w-0">
        {words.what[what]}
        {payout_id !== null && (
          <span className="text-muted"> · {words.payout(formatCount(payout_id))}</span>
        )}
        {reason !== null && <span className="block text-[0.92rem] text-muted">{reason}</span>}
      </span>
      <span className="text-[0.88rem] text-muted">
        <When at_ms={time_ms} />
      </span>
    </li>
  );
}
