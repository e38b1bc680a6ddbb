import { ChevronRight } from "lucide-react";
import { useState } from "react";
import { reference } from "@/lib/messages";
import { Tag } from "@/ui/badge";
import { CopyLine } from "@/ui/copy";
import type { Operation } from "./document";

/** One operation: a line that opens. What is inside is only made when it is open. */
export function OperationView({ operation }: { operation: Operation }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details
      id={operation.id}
      onToggle={(event) => setOpen(event.currentTarget.open)}
      className="group"
    >
      <summary className="flex min-h-12 list-none items-center gap-3 px-5 py-2 hover:bg-raised max-sm:flex-wrap max-sm:gap-y-0.5 max-sm:px-4 [&::-webkit-details-marker]:hidden">
        <ChevronRight
          size={16}
          aria-hidden
          className="shrink-0 text-muted transition-transform group-open:rotate-90"
        />
        <code className="min-w-0 font-mono text-[0.88rem] break-all">
          {operation.method !== "GET" && <span className="mr-2 text-warn">{operation.method}</span>}
          {operation.path}
        </code>
        <span className="ml-auto text-right text-[0.86rem] text-muted max-sm:ml-7 max-sm:w-full max-sm:text-left">
          {operation.summary}
        </span>
      </summary>
      {isOpen && <Details operation={operation} />}
    </details>
  );
}

function Details({ operation }: { operation: Operation }) {
  return (
    <div className="flex flex-col gap-4 px-5 pt-1 pb-5 pl-12 max-sm:px-4">
      {operation.description && (
        <p className="max-w-[52rem] text-[0.92rem] whitespace-pre-line text-muted">
          {operation.description}
        </p>
      )}
      <CopyLine text={curlOf(operation)} label={reference.curl} />
      {operation.parameters.length > 0 && (
        <Rows
          title={reference.parameters}
          rows={operation.parameters.map(({ name, type, required, description }) => ({
            name,
            type,
            description,
            required,
          }))}
        />
      )}
      {operation.body.length > 0 && <Rows title={reference.body} rows={operation.body} />}
      {operation.fields.length > 0 && <Rows title={reference.fields} rows={operation.fields} />}
      <div>
        <h4 className="eyebrow mb-1">{reference.answers}</h4>
        <ul className="flex flex-wrap gap-x-5 gap-y-1 text-[0.86rem]">
          {operation.statuses.map((status) => (
            <li key={status}>
              <Tag>{status}</Tag> <span className="text-muted">{reference.statuses[status]}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

type Row = { name: string; type: string; description: string; required?: boolean };

function Rows({ title, rows }: { title: string; rows: Row[] }) {
  return (
    <div>
      <h4 className="eyebrow mb-1">{title}</h4>
      <dl className="divide-y divide-line rounded-lg border border-line text-[0.86rem]">
        {rows.map((row) => (
          <div key={row.name} className="grid gap-x-4 px-3 py-1.5 sm:grid-cols-[14rem_1fr]">
            <dt className="min-w-0">
              <code className="font-mono font-medium break-all">{row.name}</code>
              <span className="block text-[0.8rem] break-words text-muted">
                {row.type}
                {row.required && `, ${reference.required}`}
              </span>
            </dt>
            <dd className="text-muted">{row.description}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

const EXAMPLES: Record<string, string> = {
  id: "1",
  hash: "HASH",
  address: "ADDRESS",
  worker: "WORKER",
};

function curlOf({ method, path, body, isForOwners }: Operation): string {
  const filled = path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => EXAMPLES[name] ?? name.toUpperCase(),
  );
  const verb = method === "GET" ? "" : `-X ${method} `;
  const session = isForOwners ? "-H 'authorization: Bearer SESSION' " : "";
  const data =
    body.length > 0
      ? `-H 'content-type: application/json' -d '{${body.map(({ name }) => `"${name}": …`).join(", ")}}' `
      : "";
  return `curl -s ${verb}${session}${data}${location.origin}${filled}`;
}
