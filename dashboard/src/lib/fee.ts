// What the network's fee is likely to take of a payout, going by those that were made.

type Paid = { fee_atomic: string | null; payees: number };

/** What the newest payout that is known to have cost something cost each payee, in atomic units. */
export function feeOfPayee(payouts: readonly Paid[]): number | null {
  const newest = payouts.find(({ fee_atomic, payees }) => fee_atomic !== null && payees > 0);
  return newest ? Number(newest.fee_atomic) / newest.payees : null;
}

/** Its part of a payout of an amount. */
export function feePart(fee_atomic: number | null, amount_atomic: bigint): number | null {
  if (fee_atomic === null || amount_atomic <= 0n) return null;
  return Math.min(1, fee_atomic / Number(amount_atomic));
}
