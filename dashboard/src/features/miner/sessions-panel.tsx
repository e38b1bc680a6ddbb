import type { WorkerDetail } from "@/api/types";
import { connection, start, worker as words } from "@/lib/messages";
import { formatCount, formatScaled } from "@/lib/number";
import { Tag } from "@/ui/badge";
import { Panel } from "@/ui/panel";
import { TableHead } from "@/ui/table-head";
import { Since, When } from "@/ui/when";

/** The open connections of a worker at the node that answers; each node knows its own. */
export function SessionsPanel({ worker }: { worker: WorkerDetail }) {
  const { columns, title, note, none, tls, unnamed } = words.sessions;
  const node = connection.node(worker.sessions_node_id);
  if (worker.sessions.length === 0) {
    return (
      <Panel title={title}>
        <p className="text-muted">{none(node)}</p>
      </Panel>
    );
  }
  return (
    <Panel title={title} note={note(node)} flush>
      <table className="table">
        <TableHead
          columns={[
            { name: columns.agent },
            { name: columns.protocol },
            { name: columns.difficulty, isNumber: true },
            { name: columns.accepted, isNumber: true },
            { name: columns.last, isNumber: true },
            { name: columns.since, isNumber: true },
          ]}
        />
        <tbody>
          {worker.sessions.map((session) => (
            <tr key={`${session.connected_at_ms} ${session.user_agent ?? ""}`}>
              <td data-label={columns.agent} data-headline>
                {session.user_agent ?? unnamed}
              </td>
              <td data-label={columns.protocol}>
                <span className="inline-flex items-center gap-2">
                  {start.endpoints.protocols[session.protocol] ?? session.protocol}
                  {session.is_tls && <Tag>{tls}</Tag>}
                </span>
              </td>
              <td data-label={columns.difficulty} data-align="right">
                {formatScaled(session.difficulty)}
              </td>
              <td data-label={columns.accepted} data-align="right">
                {formatCount(session.accepted)}
              </td>
              <td data-label={columns.last} data-align="right">
                <When at_ms={session.last_share_at_ms} />
              </td>
              <td data-label={columns.since} data-align="right">
                <Since at_ms={session.connected_at_ms} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
