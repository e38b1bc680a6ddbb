import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { changeSettings, type MinerSettings } from "@/api/ownership";
import { payoutsQuery, poolQuery } from "@/api/queries";
import { formatXel, parseAtomic, parseXel, plainXel } from "@/lib/amount";
import { feeOfPayee, feePart } from "@/lib/fee";
import { settings as words } from "@/lib/messages";
import { formatPercent } from "@/lib/number";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { Section } from "./section";

/** From which balance on the owner wants to be paid. */
export function ThresholdSection({
  address,
  settings,
}: {
  address: string;
  settings: MinerSettings;
}) {
  const { threshold } = words;
  const [typed, setTyped] = useState<string | null>(null);
  const change = useChange(
    address,
    (payout_threshold_atomic: string | null) =>
      changeSettings(address, { payout_threshold_atomic }),
    () => setTyped(null),
  );
  const own = parseAtomic(settings.payout_threshold_atomic);
  const minimum = parseAtomic(settings.pool_payout_threshold_atomic) ?? 0n;
  const text = typed ?? plainXel(own ?? minimum);
  const amount = parseXel(text);
  const fee = useFeeWords(amount);
  const problem =
    amount === null
      ? threshold.bad
      : amount < minimum
        ? threshold.low(formatXel(minimum))
        : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (amount !== null && problem === undefined) change.send(amount.toString());
  };
  const inForce = own === null ? threshold.pool(formatXel(minimum)) : threshold.own(formatXel(own));
  return (
    <Section title={threshold.title} text={threshold.text}>
      <form onSubmit={submit} noValidate className="flex flex-col items-start gap-3">
        <div className="w-full max-w-80">
          <TextField
            label={threshold.label}
            inputMode="decimal"
            autoComplete="off"
            value={text}
            error={typed === null ? change.error : (problem ?? change.error)}
            hint={`${inForce} ${fee}`}
            onChange={(event) => {
              setTyped(event.target.value);
              change.forget();
            }}
          />
        </div>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <Button kind="primary" type="submit" disabled={typed === null || problem !== undefined}>
            {words.change.save}
          </Button>
          {own !== null && <Button onClick={() => change.send(null)}>{threshold.usePool}</Button>}
          <ChangeNote change={change} />
        </div>
      </form>
    </Section>
  );
}

/** What the network takes of such a payout, where it can be told from those that were made. */
function useFeeWords(amount: bigint | null): string {
  const pool = useQuery(poolQuery);
  const payouts = useInfiniteQuery(payoutsQuery);
  const payer = pool.data?.settings?.network_fee_payer;
  if (payer === "pool") return words.threshold.poolPays;
  if (payer !== "miners" || amount === null) return "";
  const fee = feeOfPayee(payouts.data?.pages.flatMap((page) => page.items) ?? []);
  const part = feePart(fee, amount);
  return part === null ? "" : words.threshold.fee(formatPercent(part));
}
