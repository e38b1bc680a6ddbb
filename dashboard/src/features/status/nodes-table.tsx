import { useQuery } from "@tanstack/react-query";
import { connectionStore } from "@/api/connection";
import { useStore } from "@/api/store";
import type { PoolNode } from "@/api/types";
import { connection, status } from "@/lib/messages";
import { formatCount, formatHashrate } from "@/lib/number";
import { State, Tag } from "@/ui/badge";
import { TableHead } from "@/ui/table-head";
import { Since } from "@/ui/when";
import { pingQuery } from "./ping";

/** Every node as the one that answers sees it. */
export function NodesTable({ items }: { items: readonly PoolNode[] }) {
  const { nodeId } = useStore(connectionStore);
  const { columns } = status;
  const right = { "data-align": "right" } as const;
  return (
    <table className="table">
      <TableHead
        columns={[
          { name: columns.node },
          { name: columns.state },
          { name: columns.role },
          { name: columns.height, isNumber: true },
          { name: columns.applied, isNumber: true },
          { name: columns.since, isNumber: true },
          { name: columns.connections, isNumber: true },
          { name: columns.rate, isNumber: true },
          { name: columns.ping, isNumber: true, hint: status.pingHint },
        ]}
      />
      <tbody>
        {items.map((node) => (
          <tr key={node.id}>
            <td data-label={columns.node} data-headline>
              <span className="flex flex-wrap items-center gap-2">
                <span className="font-semibold">{node.name ?? nameOf(node)}</span>
                {node.region && <span className="text-[0.83rem] text-muted">{node.region}</span>}
                {node.id === nodeId && <Tag>{status.thisNode}</Tag>}
              </span>
            </td>
            <td data-label={columns.state}>
              <NodeState node={node} />
            </td>
            <td data-label={columns.role}>{status.roles[node.role] ?? node.role}</td>
            <td data-label={columns.height} {...right}>
              {formatCount(node.daemon_height)}
            </td>
            <td data-label={columns.applied} {...right}>
              <span>
                {formatCount(node.applied_index)}
                {(node.lag ?? 0) > 0 && (
                  <span className="block text-[0.83rem] text-warn">
                    {status.behind(formatCount(node.lag))}
                  </span>
                )}
              </span>
            </td>
            <td data-label={columns.since} {...right}>
              {node.started_at_ms ? <Since at_ms={node.started_at_ms} /> : "–"}
            </td>
            <td data-label={columns.connections} {...right}>
              {formatCount(node.connections)}
            </td>
            <td data-label={columns.rate} {...right}>
              {formatHashrate(node.hashrate)}
            </td>
            <td data-label={columns.ping} {...right}>
              <Ping node={node} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function nameOf(node: PoolNode): string {
  const words = connection.node(node.id);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function NodeState({ node }: { node: PoolNode }) {
  if (!node.reachable) return <State tone="bad">{status.away}</State>;
  if (node.serving) return <State tone="good">{status.serving}</State>;
  return <State tone="warn">{status.notServing}</State>;
}

function Ping({ node }: { node: PoolNode }) {
  const { data } = useQuery(pingQuery(node.reachable ? node.api_url : null));
  return <>{typeof data === "number" ? status.milliseconds(formatCount(data)) : "–"}</>;
}
