import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { connectQuery } from "@/api/queries";
import type { Connect } from "@/api/types";
import { home } from "@/lib/messages";
import { endpointsOf, hostPort } from "@/lib/programs";
import { CopyLine } from "@/ui/copy";
import { Loaded, Panel } from "@/ui/panel";

/** So many nodes fit beside the newest blocks; the page for starting has them all. */
const NODES_MAX = 4;

/** Where to point a miner, for those who need no more than that. */
export function ConnectPanel() {
  const query = useQuery(connectQuery);
  const { connect } = home;
  return (
    <Panel
      title={connect.title}
      actions={
        <Link to="/start" className="link text-sm">
          {connect.more}
        </Link>
      }
    >
      <p className="text-sm text-muted">{connect.intro}</p>
      <Loaded query={query} skeleton={<span className="skeleton mt-3 h-64 w-full" />}>
        {(data) => <Addresses data={data} />}
      </Loaded>
    </Panel>
  );
}

function Addresses({ data }: { data: Connect }) {
  const { connect } = home;
  const rows = data.nodes.flatMap((node) => {
    const stratum = endpointsOf(node, location.hostname).find(
      ({ protocol }) => protocol === "stratum",
    );
    return stratum ? [{ node, stratum }] : [];
  });
  if (rows.length === 0) return <p className="mt-3 text-sm">{connect.none}</p>;
  return (
    <dl className="mt-3 flex flex-col gap-3 text-sm">
      {rows.slice(0, NODES_MAX).map(({ node, stratum }) => (
        <div key={node.id}>
          <dt className="mb-1 text-muted">
            {[node.name ?? connect.node(node.id), node.region].filter(Boolean).join(", ")}
          </dt>
          <dd>
            <CopyLine text={hostPort(stratum)} label={connect.copy} />
          </dd>
        </div>
      ))}
      <div>
        <dt className="mb-1 text-muted">{connect.user}</dt>
        <dd>
          <CopyLine text={connect.example} label={connect.copyUser} />
        </dd>
      </div>
    </dl>
  );
}
