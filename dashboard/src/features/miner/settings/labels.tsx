import { useInfiniteQuery } from "@tanstack/react-query";
import type { MinerSettings } from "@/api/ownership";
import { workersQuery } from "@/api/queries";
import { settings as words } from "@/lib/messages";
import { LoadMore } from "@/ui/load-more";
import { Empty, Loaded, RowsSkeleton } from "@/ui/panel";
import { TableHead } from "@/ui/table-head";
import { LabelRow } from "./label-row";
import { Section } from "./section";

/** The workers of a miner, each with a name for people. */
export function LabelsSection({ address, settings }: { address: string; settings: MinerSettings }) {
  const { labels } = words;
  const query = useInfiniteQuery(workersQuery(address));
  const labelOf = new Map(settings.labels.map(({ worker, label }) => [worker, label]));
  return (
    <Section title={labels.title} text={labels.text} wide>
      <Loaded query={query} skeleton={<RowsSkeleton rows={3} cells={2} />}>
        {({ pages }) => {
          const seen = pages.flatMap((page) => page.items.map(({ name }) => name));
          // Those with a label come even if they stand on a later page, or mine no more.
          const names = [...new Set([...seen, ...labelOf.keys()])];
          if (names.length === 0) return <Empty title={labels.empty} />;
          return (
            <>
              <table className="table">
                <TableHead
                  columns={[
                    { name: labels.columns.worker },
                    { name: labels.columns.label },
                    { name: labels.columns.act, isNumber: true },
                  ]}
                />
                <tbody>
                  {names.map((name) => (
                    <LabelRow
                      key={name}
                      address={address}
                      worker={name}
                      label={labelOf.get(name) ?? ""}
                    />
                  ))}
                </tbody>
              </table>
              <LoadMore query={query} />
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}
