import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { workersQuery } from "@/api/queries";
import { miner } from "@/lib/messages";
import { formatCount, formatHashrate, formatPercent, formatScaled } from "@/lib/number";
import { refusedOf, stateOf } from "@/lib/worker";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { WorkerState } from "@/ui/pool/worker-state";
import { useNow, When } from "@/ui/when";

export function WorkersTab({ address }: { address: string }) {
  const query = useInfiniteQuery(workersQuery(address));
  const now = useNow();
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
              <thead>
                <tr>
                  <th scope="col">{columns.worker}</th>
                  <th scope="col">{columns.state}</th>
                  <th scope="col" {...right}>
                    {columns.rate}
                  </th>
                  <th scope="col" {...right}>
                    {columns.difficulty}
                  </th>
                  <th scope="col" {...right}>
                    {columns.shares}
                  </th>
                  <th scope="col" {...right}>
                    {columns.refused}
                  </th>
                  <th scope="col" {...right}>
                    {columns.last}
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((worker) => {
                  const refused = refusedOf(worker.shares, worker.rejects);
                  const state = stateOf(worker.last_share_at_ms, now);
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
                        <span className="sm:hidden">
                          <WorkerState state={state} />
                        </span>
                      </td>
                      <td data-label={columns.state} className="max-sm:!hidden">
                        <WorkerState state={state} />
                      </td>
                      <td data-label={columns.rate} {...right}>
                        {formatHashrate(worker.hashrate)}
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
