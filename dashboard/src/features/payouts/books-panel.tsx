import type { UseQueryResult } from "@tanstack/react-query";
import type { Pool } from "@/api/types";
import { formatXel, parseAtomic } from "@/lib/amount";
import { payouts, units } from "@/lib/messages";

import { Loaded, Panel } from "@/ui/panel";

type Accounts = Pool["accounts"];

/** The accounts of the ledger, so that anybody can add them up. */
export function BooksPanel({ pool }: { pool: UseQueryResult<Pool> }) {
  return (
    <Panel title={payouts.books.title} note={payouts.books.intro}>
      <Loaded query={pool} skeleton={<span className="skeleton h-72 w-full" />}>
        {({ accounts }) => <Books accounts={accounts} />}
      </Loaded>
    </Panel>
  );
}

function Books({ accounts }: { accounts: Accounts }) {
  const { books } = payouts;
  const amount = (...names: (keyof Accounts)[]) =>
    names.reduce((sum, name) => sum + (parseAtomic(accounts[name] as string) ?? 0n), 0n);
  const rows: [string, bigint][] = [
    [books.paid, amount("paid_atomic")],
    [books.balances, amount("balances_atomic")],
    [books.in_flight, amount("in_flight_atomic")],
    [books.undistributed, amount("undistributed_atomic")],
    [books.networkFees, amount("network_fees_atomic", "network_fees_pool_atomic")],
    [books.fees, amount("pool_fees_atomic")],
    [books.reserve, amount("reserve_atomic")],
    [books.other, amount("rounding_atomic", "donations_atomic", "fee_budget_atomic")],
    [books.immature, amount("immature_atomic")],
  ];
  const sum = rows.reduce((total, [, part]) => total + part, 0n);
  return (
    <>
      <div className="mb-3 flex flex-wrap gap-x-12 gap-y-2">
        <Total name={books.owed} amount={amount("liabilities_atomic")} />
        <Total name={books.paid} amount={amount("paid_atomic")} />
        <Total name={books.sum} amount={sum} />
      </div>
      <dl className="gap-x-12 text-[0.92rem] md:columns-2">
        {rows.map(([name, part]) => (
          <div
            key={name}
            className="flex break-inside-avoid justify-between gap-4 border-b border-line py-1.5"
          >
            <dt className="text-muted">{name}</dt>
            <dd className="whitespace-nowrap">
              {formatXel(part, { digits: 8 })} <span className="text-muted">{units.xel}</span>
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Total({ name, amount }: { name: string; amount: bigint }) {
  return (
    <div>
      <p className="eyebrow">{name}</p>
      <p className="figure mt-0.5 text-[1.5rem]">
        {formatXel(amount, { digits: 4 })}{" "}
        <span className="text-sm font-normal text-muted">{units.xel}</span>
      </p>
    </div>
  );
}
