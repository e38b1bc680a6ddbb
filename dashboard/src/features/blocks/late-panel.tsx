import { useQuery } from "@tanstack/react-query";
import { latenessQuery } from "@/api/queries";
import { blocks } from "@/lib/messages";
import { formatCount, formatPercent } from "@/lib/number";
import { Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { TableHead } from "@/ui/table-head";

/** What became of blocks by how late they were, since the pool pays for late work in full. */
export function LatePanel() {
  const query = useQuery(latenessQuery);
  const { columns } = blocks.late;
  return (
    <Panel title={blocks.late.title} note={blocks.late.intro} flush>
      <Loaded query={query} skeleton={<RowsSkeleton rows={2} />}>
        {({ items }) => (
          <table className="table">
            <TableHead
              columns={[
                { name: columns.late },
                { name: blocks.columns.found, isNumber: true },
                { name: blocks.states.settled, isNumber: true },
                { name: columns.orphaned, isNumber: true },
                { name: columns.worth, isNumber: true },
              ]}
            />
            <tbody>
              {items
                .filter((item) => item.found > 0 || item.heights_late === "0")
                .map((item) => (
                  <tr key={item.heights_late}>
                    <td data-label={columns.late}>{item.heights_late}</td>
                    <td data-label={blocks.columns.found} data-align="right">
                      {formatCount(item.found)}
                    </td>
                    <td data-label={blocks.states.settled} data-align="right">
                      {formatCount(item.settled)}
                    </td>
                    <td data-label={columns.orphaned} data-align="right">
                      {formatCount(item.orphaned)}
                    </td>
                    <td data-label={columns.worth} data-align="right">
                      {formatPercent(item.worth, { digits: 0 })}
                    </td>
                  </tr>
                ))}
            </tbody>
          </table>
        )}
      </Loaded>
    </Panel>
  );
}
