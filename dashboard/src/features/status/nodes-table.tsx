import { useQuery } from "@tanstack/react-query";
import { connectionStore } from "@/api/connection";
import { useStore } from "@/api/store";
import type { PoolNode } from "@/api/types";
import { connection, status } from "@/lib/messages";
import { formatCount, formatHashrate } from "@/lib/number";
import { State, Tag } from "@/ui/badge";
import { Hint } from "@/ui/hint";
import { pingQuery } from "./ping";

/** Every node as the one that answers sees it. */
export function NodesTable({ items }: { items: readonly PoolNode[] }) {
  const { nodeId } = useStore(connectionStore);
  const { columns } = status;
  const right = { "data-align": "right" } as const;
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{columns.node}</th>
          <th scope="col">{columns.state}</th>
          <th scope="col">{columns.role}</th>
          <th scope="col" {...right}>
            {columns.height}
          </th>
          <th scope="col" {...right}>
            {columns.applied}
          </th>
          <th scope="col" {...right}>
            {columns.lag}
          </th>
          <th scope="col" {...right}>
            {columns.connections}
          </th>
          <th scope="col" {...right}>
            {columns.rate}
          </th>
          <th scope="col" {...right}>
            <span className="inline-flex items-center gap-1">
              {columns.ping} <Hint name={columns.ping}>{status.pingHint}</Hint>
            </span>
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((node) => (
          <tr key={node.id}>
            <td data-label={columns.node} data-headline>
              <span className="flex flex-wrap items-center gap-2">
                <span className="font-semibold">{nameOf(node)}</span>
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
              {formatCount(node.applied_index)}
            </td>
            <td data-label={columns.lag} {...right}>
              {node.lag === 0
                ? status.level
                : node.lag
                  ? status.behind(formatCount(node.lag))
                  : "–"}
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
  if (node.role === "unreachable") return <State tone="bad">{status.away}</State>;
  if (node.serving) return <State tone="good">{status.serving}</State>;
  return <State tone="warn">{status.notServing}</State>;
}

function Ping({ node }: { node: PoolNode }) {
  const { nodeId } = useStore(connectionStore);
  const url = node.id === nodeId ? "" : null;
  const { data } = useQuery(pingQuery(url));
  return <>{typeof data === "number" ? status.milliseconds(formatCount(data)) : "–"}</>;
}
