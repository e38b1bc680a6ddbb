import type { ReactNode } from "react";
import type { Payout } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { payouts, units } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import { State, type Tone } from "../badge";
import { TableHead } from "../table-head";
import { When } from "../when";
import { Hash } from "./hash";

const TONES: Record<string, Tone> = {
  reserved: "busy",
  signed: "busy",
  confirmed: "good",
  released: "off",
  abandoned: "bad",
};

/** Payouts, newest first. `amount` says what to show of one; without it, all that is sent. */
export function PayoutsTable({
  items,
  explorer,
  top,
  amount = (payout) => payout.transfer_atomic,
}: {
  items: readonly Payout[];
  explorer: (hash: string) => string | null;
  /** Where the chain's order has come to, as far as a node knows. */
  top: { topoheight: number } | null | undefined;
  amount?: (payout: Payout) => string;
}) {
  const { columns } = payouts;
  const head: [string, boolean][] = [
    [columns.id, false],
    [columns.state, false],
    [columns.transaction, false],
    [columns.payees, true],
    [columns.amount, true],
    [columns.fee, true],
    [columns.confirmations, true],
    [columns.time, true],
  ];
  return (
    <table className="table">
      <TableHead columns={head.map(([name, isNumber]) => ({ name, isNumber }))} />
      <tbody>
        {items.map((payout) => (
          <tr key={payout.id}>
            <td data-label={columns.id} data-headline>
              <span className="font-semibold">{payouts.number(formatCount(payout.id))}</span>
              <span className="sm:hidden">
                <PayoutState payout={payout} />
              </span>
            </td>
            <td className="max-sm:!hidden" data-label={columns.state}>
              <PayoutState payout={payout} />
            </td>
            <td data-label={columns.transaction}>
              {payout.tx_hash ? (
                <Hash hash={payout.tx_hash} url={explorer(payout.tx_hash)} kind="transaction" />
              ) : (
                "–"
              )}
            </td>
            <Amount label={columns.payees}>{formatCount(payout.payees)}</Amount>
            <Amount label={columns.amount}>
              {formatXel(amount(payout), { digits: 4 })}{" "}
              <span className="text-muted">{units.xel}</span>
            </Amount>
            <Amount label={columns.fee}>{formatXel(payout.fee_atomic, { digits: 5 })}</Amount>
            <Amount label={columns.confirmations}>
              {formatCount(confirmationsOf(payout, top))}
            </Amount>
            <Amount label={columns.time}>
              <When at_ms={payout.reserved_at_ms} />
            </Amount>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Blocks from the one that executed it to the newest, both counted; null where that is unknown. */
export function confirmationsOf(
  payout: Pick<Payout, "topoheight">,
  top: { topoheight: number } | null | undefined,
): number | null {
  if (payout.topoheight === null || !top) return null;
  // A node that lags has not seen that block yet.
  return Math.max(0, top.topoheight - payout.topoheight + 1);
}

function Amount({ label, children }: { label: string; children: ReactNode }) {
  return (
    <td data-label={label} data-align="right" className="whitespace-nowrap">
      <span>{children}</span>
    </td>
  );
}

function PayoutState({ payout }: { payout: Payout }) {
  if (payout.awaits_approval) return <State tone="warn">{payouts.approval}</State>;
  return (
    <span title={payout.release_reason ?? undefined}>
      <State tone={TONES[payout.status] ?? "none"}>
        {payouts.states[payout.status] ?? payout.status}
      </State>
    </span>
  );
}
