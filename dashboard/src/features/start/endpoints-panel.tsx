import type { UseQueryResult } from "@tanstack/react-query";
import type { Connect } from "@/api/types";
import { schemes, start } from "@/lib/messages";
import { formatScaled } from "@/lib/number";
import { hostPort } from "@/lib/programs";
import { Tag } from "@/ui/badge";
import { CopyButton } from "@/ui/copy";
import { Empty, Loaded, Panel, RowsSkeleton } from "@/ui/panel";

/** Every port of every node, with what it begins with. */
export function EndpointsPanel({ query }: { query: UseQueryResult<Connect> }) {
  const { columns } = start.endpoints;
  return (
    <Panel title={start.endpoints.title} note={start.endpoints.intro} flush>
      <Loaded query={query} skeleton={<RowsSkeleton rows={3} />}>
        {({ nodes }) => {
          const rows = nodes.flatMap((node) =>
            node.endpoints.map((endpoint) => ({ node, endpoint })),
          );
          if (rows.length === 0) return <Empty title={start.endpoints.none} />;
          return (
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">{columns.node}</th>
                  <th scope="col">{columns.protocol}</th>
                  <th scope="col">{columns.address}</th>
                  <th scope="col" data-align="right">
                    {columns.difficulty}
                  </th>
                  <th scope="col" data-align="right">
                    {columns.scheme}
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map(({ node, endpoint }) => (
                  <tr key={`${node.id} ${endpoint.protocol} ${hostPort(endpoint)}`}>
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
                      {endpoint.starting_difficulty
                        ? formatScaled(endpoint.starting_difficulty)
                        : start.endpoints.auto}
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
