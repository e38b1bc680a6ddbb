import type { Pool } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { payouts, rules, schemes, units } from "@/lib/messages";
import { formatBasisPoints, formatCount, toNumber } from "@/lib/number";
import { formatDuration } from "@/lib/time";
import { StatSheet } from "@/ui/stat";

/** The numbers behind the rules, as they are in the books now. */
export function InForce({ pool }: { pool: Pool | undefined }) {
  const settings = pool?.settings;
  const fees = settings?.schemes.map((offered) => ({
    label: `${schemes.names[offered.name] ?? offered.name}`,
    value: formatBasisPoints(offered.fee_bps),
  }));
  const window = toNumber(pool?.window.blocks_of_work_max);
  return (
    <section aria-label={rules.now}>
      <StatSheet
        stats={[
          ...(fees ?? [{ label: "PPLNS", value: undefined }]),
          {
            label: rules.windowLabel,
            value: pool && (window === null ? "–" : formatCount(window)),
            unit: rules.windowUnit,
          },
          {
            label: payouts.schedule.threshold,
            value: pool && formatXel(settings?.payout_threshold_atomic),
            unit: units.xel,
          },
          {
            label: payouts.schedule.interval,
            value: pool && (settings ? formatDuration(settings.payout_interval_ms) : "–"),
          },
        ]}
      />
    </section>
  );
}
