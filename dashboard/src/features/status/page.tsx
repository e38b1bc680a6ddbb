import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, CircleX } from "lucide-react";
import { connectQuery, incidentsQuery, nodesQuery } from "@/api/queries";
import type { Nodes } from "@/api/types";
import { status } from "@/lib/messages";
import { cx } from "@/ui/cx";
import { PageTitle } from "@/ui/page-title";
import { Loaded, Panel, RowsSkeleton } from "@/ui/panel";
import { EndpointsPanel } from "@/ui/pool/endpoints-panel";
import { IncidentsPanel } from "./incidents-panel";
import { NodePanel } from "./node-panel";
import { NodesTable } from "./nodes-table";

export default function StatusPage() {
  const nodes = useQuery(nodesQuery);
  const connect = useQuery(connectQuery);
  const incidents = useInfiniteQuery(incidentsQuery);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={status.title} intro={status.intro} />
      <Health health={nodes.data?.health} />
      <Panel title={status.nodes} flush>
        <Loaded query={nodes} skeleton={<RowsSkeleton rows={3} cells={9} />}>
          {({ items }) => <NodesTable items={items} />}
        </Loaded>
      </Panel>
      {/* Below lists of unknown length nothing is drawn before them, or it would move. */}
      {!nodes.isPending && <EndpointsPanel query={connect} />}
      {!nodes.isPending && !connect.isPending && <IncidentsPanel />}
      {!nodes.isPending && !connect.isPending && !incidents.isPending && <NodePanel />}
    </div>
  );
}

const LOOKS = {
  healthy: { icon: CircleCheck, className: "border-accent/35 bg-accent-soft text-accent" },
  degraded: { icon: CircleAlert, className: "border-warn/40 bg-warn-soft text-warn" },
  no_quorum: { icon: CircleX, className: "border-bad/40 bg-bad-soft text-bad" },
};

function Health({ health }: { health: Nodes["health"] | undefined }) {
  // While it is not known, the space of the usual answer is kept.
  const shown = health ?? "healthy";
  const { icon: Icon, className } = LOOKS[shown];
  return (
    <div
      className={cx(
        "flex items-start gap-3 rounded-[10px] border px-5 py-3.5",
        health ? className : "skeleton *:invisible",
      )}
    >
      <Icon size={20} aria-hidden className="mt-0.5 shrink-0" />
      <div>
        <p className="font-semibold">{status.health[shown]}</p>
        <p className="text-[0.92rem] text-ink">{status.about[shown]}</p>
      </div>
    </div>
  );
}
