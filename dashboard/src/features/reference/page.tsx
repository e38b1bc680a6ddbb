import { Download } from "lucide-react";
import { useMemo, useState } from "react";
import { reference } from "@/lib/messages";
import { buttonClass } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { TextField } from "@/ui/field";
import { PageTitle } from "@/ui/page-title";
import { Empty, Panel } from "@/ui/panel";
import { type Operation, operations } from "./document";
import { OperationView } from "./operation";

const ALL = operations();

export default function ReferencePage() {
  const [wanted, setWanted] = useState("");
  const shown = useMemo(() => ALL.filter((operation) => fits(operation, wanted)), [wanted]);
  const groups = [...new Set(shown.map((operation) => operation.group))];
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={reference.title} intro={reference.intro}>
        <a href="/api/v1/openapi.json" className={buttonClass()}>
          <Download size={15} aria-hidden /> {reference.download}
        </a>
      </PageTitle>
      <Panel title={reference.conventions.title}>
        <div className="max-w-[40rem]">
          <p className="mb-1 text-sm font-medium">{reference.base}</p>
          <CopyLine text={`${location.origin}/api/v1`} label={reference.base} />
        </div>
        <ul className="mt-4 flex max-w-[56rem] list-disc flex-col gap-1.5 pl-5 text-[0.92rem] text-muted">
          {reference.conventions.items.map((item) => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      </Panel>
      <div className="max-w-[26rem]">
        <TextField
          label={reference.search}
          type="search"
          value={wanted}
          onChange={(event) => setWanted(event.target.value)}
        />
      </div>
      {groups.length === 0 && (
        <div className="panel">
          <Empty title={reference.nothing} />
        </div>
      )}
      {groups.map((group) => (
        <Panel key={group} title={reference.groups[group] ?? group} flush>
          <div className="divide-y divide-line">
            {shown
              .filter((operation) => operation.group === group)
              .map((operation) => (
                <OperationView key={operation.id} operation={operation} />
              ))}
          </div>
        </Panel>
      ))}
    </div>
  );
}

function fits(operation: Operation, wanted: string): boolean {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${operation.path} ${operation.summary} ${operation.description}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
