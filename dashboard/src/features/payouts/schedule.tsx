import type { Pool } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { payouts, units } from "@/lib/messages";
import { formatDuration } from "@/lib/time";
import { StatSheet } from "@/ui/stat";
import { When } from "@/ui/when";

/** When payouts happen and from which balance on. */
export function Schedule({ pool }: { pool: Pool | undefined }) {
  const { schedule } = payouts;
  const settings = pool?.settings;
  const next = pool?.payouts.next_earliest_at_ms;
  const isDue = !next || next <= (pool?.node.now_ms ?? 0);
  return (
    <StatSheet
      stats={[
        {
          label: schedule.threshold,
          value: pool && formatXel(settings?.payout_threshold_atomic),
          unit: units.xel,
          note: settings ? schedule.feePayer[settings.network_fee_payer] : "",
        },
        {
          label: schedule.interval,
          value: pool && (settings ? formatDuration(settings.payout_interval_ms) : "–"),
        },
        { label: schedule.next, value: pool && (isDue ? schedule.now : <When at_ms={next} />) },
        {
          label: schedule.open,
          value:
            pool &&
            (pool.payouts.open
              ? formatXel(pool.payouts.open.transfer_atomic, { digits: 4 })
              : schedule.none),
          unit: pool?.payouts.open ? units.xel : undefined,
        },
        {
          label: schedule.queue,
          value: pool && formatXel(pool.payouts.queue.amount_atomic, { digits: 4 }),
          unit: units.xel,
          note: pool ? schedule.queueNote(pool.payouts.queue.miners) : "",
        },
      ]}
    />
  );
}
