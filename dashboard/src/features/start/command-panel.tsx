import { ExternalLink } from "lucide-react";
import type { Connect } from "@/api/types";
import { start } from "@/lib/messages";
import {
  type Endpoint,
  endpointFor,
  endpointsOf,
  hostPort,
  type Login,
  type Program,
} from "@/lib/programs";
import { CopyLine } from "@/ui/copy";
import { Panel } from "@/ui/panel";

type Node = Connect["nodes"][number];

/** The one line to copy, for the program that was chosen. */
export function CommandPanel({
  program,
  nodes,
  node,
  login,
}: {
  program: Program | undefined;
  nodes: readonly Node[];
  node: Node | undefined;
  login: Omit<Login, "address"> & { address: string | null };
}) {
  const endpoint =
    program && node ? endpointFor(program, endpointsOf(node, location.hostname)) : null;
  const backups = nodes
    .filter((other) => other.id !== node?.id)
    .map((other) => (program ? endpointFor(program, endpointsOf(other, location.hostname)) : null))
    .filter((other): other is Endpoint => other !== null);
  const address = login.address ?? start.command.yours;
  const line =
    program && endpoint ? program.command(endpoint, { ...login, address }, backups) : null;
  const isMissing = line !== null && !backups.every((backup) => line.includes(hostPort(backup)));
  return (
    <Panel
      title={start.command.title}
      actions={
        program?.url && (
          <a
            href={program.url}
            target="_blank"
            rel="noreferrer"
            className="link inline-flex items-center gap-1 text-sm"
          >
            {start.command.download(program.name)} <ExternalLink size={13} aria-hidden />
          </a>
        )
      }
    >
      {line === null ? (
        <p className="text-muted">{nodes.length > 0 ? start.notOffered : start.endpoints.none}</p>
      ) : (
        <CopyLine text={line} label={start.command.copy} wrap />
      )}
      {login.address === null && (
        <p className="mt-2 text-sm text-muted">{start.command.placeholder}</p>
      )}
      {isMissing && (
        <div className="mt-3 text-sm">
          <p className="text-muted">{start.command.backup}</p>
          <ul className="mt-1 flex flex-wrap gap-x-5 font-mono text-[0.86rem]">
            {backups.map((backup) => (
              <li key={hostPort(backup)}>{hostPort(backup)}</li>
            ))}
          </ul>
        </div>
      )}
      <p className="mt-3 text-[0.83rem] text-muted">{start.command.systems}</p>
    </Panel>
  );
}
