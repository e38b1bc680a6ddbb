import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { workersQuery } from "@/api/queries";
import type { Worker } from "@/api/types";
import { miner } from "@/lib/messages";
import { formatCount, formatHashrate, formatPercent, formatScaled } from "@/lib/number";
import { refusedOf } from "@/lib/worker";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { WorkerState } from "@/ui/pool/worker-state";
import { TableHead } from "@/ui/table-head";
import { When } from "@/ui/when";

/** What the owner calls it, beside the name that its miner gives. */
function LabelOf({ worker }: { worker: Worker }) {
  if (!worker.label) return null;
  return (
    <span className="ml-2 font-normal text-muted [overflow-wrap:anywhere] max-sm:mr-auto max-sm:ml-0">
      {worker.label}
    </span>
  );
}

export function WorkersTab({ address }: { address: string }) {
  const query = useInfiniteQuery(workersQuery(address));
  const { columns } = miner.workers;
  const right = { "data-align": "right" } as const;
  return (
    <Loaded query={query} skeleton={<RowsSkeleton rows={3} cells={6} />}>
      {({ pages }) => {
        const items = pages.flatMap((page) => page.items);
        if (items.length === 0) return <Empty title={miner.workers.empty} />;
        return (
          <>
            <table className="table">
              <TableHead
                columns={[
                  { name: columns.worker },
                  { name: columns.state },
                  { name: columns.rate, isNumber: true },
                  { name: columns.difficulty, isNumber: true },
                  { name: columns.shares, isNumber: true },
                  { name: columns.refused, isNumber: true },
                  { name: columns.last, isNumber: true },
                ]}
              />
              <tbody>
                {items.map((worker) => {
                  const refused = refusedOf(worker.shares, worker.rejects);
                  return (
                    <tr key={worker.name}>
                      <td data-label={columns.worker} data-headline>
                        <Link
                          to="/miner/$address/$worker"
                          params={{ address, worker: worker.name }}
                          className="font-semibold hover:text-accent hover:underline"
                        >
                          {worker.name}
                        </Link>
                        <LabelOf worker={worker} />
                        <span className="sm:hidden">
                          <WorkerState state={worker.state} detail={worker.state_detail} />
                        </span>
                      </td>
                      <td data-label={columns.state} className="max-sm:!hidden">
                        <WorkerState state={worker.state} detail={worker.state_detail} />
                      </td>
                      <td data-label={columns.rate} {...right}>
                        {formatHashrate(worker.hashrates.ten_minutes)}
                      </td>
                      <td data-label={columns.difficulty} {...right}>
                        {formatScaled(worker.difficulty)}
                      </td>
                      <td data-label={columns.shares} {...right}>
                        {formatCount(worker.shares)}
                      </td>
                      <td data-label={columns.refused} {...right}>
                        {formatPercent(refused.part)}
                      </td>
                      <td data-label={columns.last} {...right}>
                        <When at_ms={worker.last_share_at_ms} />
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
            <LoadMore query={query} />
          </>
        );
      }}
    </Loaded>
  );
}
