import type { WorkerDetail } from "@/api/types";
import { worker as words } from "@/lib/messages";
import { formatCount, formatPercent } from "@/lib/number";
import { refusedOf } from "@/lib/worker";
import { State } from "@/ui/badge";
import { Panel } from "@/ui/panel";
import { TableHead } from "@/ui/table-head";

/** Refused shares by reason, each with what may be done about it. */
export function RefusedPanel({ worker }: { worker: WorkerDetail }) {
  const { columns, reasons, advice, none, title } = words.refused;
  const rows = Object.entries(worker.rejects)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  const all = worker.shares + refusedOf(worker.shares, worker.rejects).count;
  if (rows.length === 0) {
    return (
      <Panel title={title}>
        <State tone="good">{none}</State>
      </Panel>
    );
  }
  return (
    <Panel title={title} flush>
      <table className="table">
        <TableHead
          columns={[
            { name: columns.reason },
            { name: columns.count, isNumber: true },
            { name: columns.part, isNumber: true },
            { name: columns.advice },
          ]}
        />
        <tbody>
          {rows.map(([reason, count]) => (
            <tr key={reason}>
              <td data-label={columns.reason} data-headline>
                {reasons[reason] ?? reason}
              </td>
              <td data-label={columns.count} data-align="right">
                {formatCount(count)}
              </td>
              <td data-label={columns.part} data-align="right">
                {formatPercent(count / all)}
              </td>
              <td className="text-muted max-sm:!block max-sm:!text-left">
                {advice[reason] ?? advice.other}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
