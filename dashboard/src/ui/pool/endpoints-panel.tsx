import type { UseQueryResult } from "@tanstack/react-query";
import type { Connect } from "@/api/types";
import { schemes, start } from "@/lib/messages";
import { formatScaled } from "@/lib/number";
import { endpointsOf, hostPort } from "@/lib/programs";
import { Tag } from "../badge";
import { CopyButton } from "../copy";
import { Empty, Loaded, Panel, RowsSkeleton } from "../panel";
import { TableHead } from "../table-head";

/** Every port of every node, with what it begins with. */
export function EndpointsPanel({ query }: { query: UseQueryResult<Connect> }) {
  const { columns } = start.endpoints;
  return (
    <Panel title={start.endpoints.title} note={start.endpoints.intro} flush>
      <Loaded query={query} skeleton={<RowsSkeleton rows={3} />}>
        {({ nodes }) => {
          const rows = nodes.flatMap((node) =>
            endpointsOf(node, location.hostname).map((endpoint) => ({ node, endpoint })),
          );
          if (rows.length === 0) return <Empty title={start.endpoints.none} />;
          return (
            <table className="table">
              <TableHead
                columns={[
                  { name: columns.node },
                  { name: columns.protocol },
                  { name: columns.address },
                  { name: columns.difficulty, isNumber: true },
                  { name: columns.scheme, isNumber: true },
                ]}
              />
              <tbody>
                {rows.map(({ node, endpoint }) => (
                  <tr
                    key={`${node.id} ${endpoint.protocol} ${hostPort(endpoint)} ${endpoint.is_tls}`}
                  >
                    <td data-label={columns.node} data-headline>
                      {[node.name ?? start.anyNode(node.id), node.region]
                        .filter(Boolean)
                        .join(", ")}
                    </td>
                    <td data-label={columns.protocol}>
                      <span className="inline-flex items-center gap-2">
                        {start.endpoints.protocols[endpoint.protocol] ?? endpoint.protocol}
                        {endpoint.is_tls && <Tag>{start.endpoints.tls}</Tag>}
                      </span>
                    </td>
                    <td data-label={columns.address}>
                      <span className="inline-flex items-center gap-1 font-mono text-[0.88rem]">
                        {hostPort(endpoint)}
                        <CopyButton text={hostPort(endpoint)} label={start.endpoints.copy} />
                      </span>
                    </td>
                    <td data-label={columns.difficulty} data-align="right">
                      {formatScaled(endpoint.starting_difficulty)}
                    </td>
                    <td data-label={columns.scheme} data-align="right">
                      {endpoint.default_scheme
                        ? (schemes.names[endpoint.default_scheme] ?? endpoint.default_scheme)
                        : "–"}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          );
        }}
      </Loaded>
    </Panel>
  );
}
