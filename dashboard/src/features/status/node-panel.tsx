import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { poolQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { connection, status } from "@/lib/messages";
import { formatCount, formatScaled } from "@/lib/number";
import { formatDuration } from "@/lib/time";
import { State } from "@/ui/badge";
import { Hint } from "@/ui/hint";
import { Loaded, Panel } from "@/ui/panel";
import { Since } from "@/ui/when";

/** What the node that answers says about itself and its daemons. */
export function NodePanel() {
  const pool = useQuery(poolQuery);
  return (
    <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-2">
      <Panel title={status.node.title}>
        <Loaded query={pool} skeleton={<span className="skeleton h-52 w-full" />}>
          {(data) => <Answering pool={data} />}
        </Loaded>
      </Panel>
      <Panel title={status.daemons.title}>
        <Loaded query={pool} skeleton={<span className="skeleton h-52 w-full" />}>
          {(data) => <Daemons pool={data} />}
        </Loaded>
      </Panel>
    </div>
  );
}

function Row({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div className="flex items-baseline justify-between gap-4 py-2">
      <dt className="shrink-0 text-muted">{name}</dt>
      <dd className="min-w-0 text-right">{children}</dd>
    </div>
  );
}

/** Texts of the program may name transactions in full, which helps nobody here. */
function shortenHashes(text: string): string {
  return text.replace(/\b([0-9a-f]{8})[0-9a-f]{56}\b/g, "$1…");
}

function Answering({ pool }: { pool: Pool }) {
  const { node } = pool;
  return (
    <dl className="divide-y divide-line text-[0.92rem]">
      <Row name={status.columns.node}>{connection.node(node.id)}</Row>
      <Row name={status.columns.version}>
        {node.version}
        {node.revision ? ` (${node.revision.slice(0, 9)})` : ""}
      </Row>
      <Row name={status.node.started}>
        <Since at_ms={node.started_at_ms} />
      </Row>
      <Row name={status.node.term}>{formatCount(node.term)}</Row>
      <Row name={status.node.index}>{formatCount(pool.index)}</Row>
      <Row
        name={
          <span className="inline-flex items-center gap-1">
            {status.node.digest}
            <Hint name={status.node.digest}>{status.node.digestHint}</Hint>
          </span>
        }
      >
        <span className="font-mono text-[0.86rem]" title={pool.digest}>
          {pool.digest.slice(0, 16)}…
        </span>
      </Row>
      <Row name={status.node.payouts}>{shortenHashes(node.payout_status)}</Row>
      {node.payout_alarms.map((alarm) => (
        <Row key={alarm} name={<State tone="warn">{status.node.alarms}</State>}>
          {alarm}
        </Row>
      ))}
    </dl>
  );
}

function Daemons({ pool }: { pool: Pool }) {
  const { daemons, template } = pool.node;
  return (
    <dl className="divide-y divide-line text-[0.92rem]">
      {daemons.map((daemon) => (
        <Row
          key={daemon.name}
          name={<span className="font-mono text-[0.86rem]">{daemon.name}</span>}
        >
          <State tone={daemon.healthy ? "good" : "bad"}>
            {daemon.healthy ? status.daemons.healthy : status.daemons.unhealthy}
          </State>
          <span className="block text-[0.83rem] text-muted">
            {daemon.problem ??
              (daemon.height ? status.daemons.height(formatCount(daemon.height)) : "")}
          </span>
        </Row>
      ))}
      {template && (
        <Row name={status.daemons.template}>
          {status.daemons.height(formatCount(template.height))},{" "}
          {formatScaled(template.network_difficulty)}
          <span className="block text-[0.83rem] text-muted">
            {template.algorithm}, {status.daemons.age(formatDuration(template.age_ms))}
          </span>
        </Row>
      )}
    </dl>
  );
}
