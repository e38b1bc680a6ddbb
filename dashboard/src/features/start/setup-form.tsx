import { addresses, schemes, start } from "@/lib/messages";
import { formatBasisPoints } from "@/lib/number";
import { PROGRAMS } from "@/lib/programs";
import { SelectField, TextField } from "@/ui/field";
import type { Setup } from "./setup";

/** Who mines, with what, and where to. */
export function SetupForm({ setup }: { setup: Setup }) {
  const { fields, change, errors, nodes } = setup;
  return (
    <form className="flex flex-col gap-4" onSubmit={(event) => event.preventDefault()}>
      <TextField
        label={start.address}
        hint={start.addressHint}
        error={errors.address}
        value={fields.address}
        onChange={(event) => change({ address: event.target.value })}
        placeholder={addresses.placeholder(setup.prefix ?? "xel")}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="none"
        className="font-mono text-sm"
      />
      <TextField
        label={start.worker}
        hint={start.workerHint}
        error={errors.worker}
        value={fields.worker}
        onChange={(event) => change({ worker: event.target.value })}
        spellCheck={false}
        autoComplete="off"
      />
      <SelectField
        label={start.program}
        value={fields.programId}
        onChange={(event) => change({ programId: event.target.value })}
      >
        {PROGRAMS.map((program) => (
          <option key={program.id} value={program.id}>
            {program.name} · {program.device}
          </option>
        ))}
      </SelectField>
      <SelectField
        label={start.node}
        value={setup.node?.id ?? ""}
        onChange={(event) => change({ nodeId: Number(event.target.value) })}
      >
        {nodes.map((node) => (
          <option key={node.id} value={node.id}>
            {[node.name ?? start.anyNode(node.id), node.region].filter(Boolean).join(", ")}
          </option>
        ))}
      </SelectField>
      <Options setup={setup} />
    </form>
  );
}

/** What a miner may say in its password. */
function Options({ setup }: { setup: Setup }) {
  const { fields, change, errors } = setup;
  return (
    <div className="grid grid-cols-2 items-start gap-3">
      <SelectField
        label={start.scheme}
        value={fields.scheme}
        onChange={(event) => change({ scheme: event.target.value })}
      >
        {setup.schemes.map((offered) => (
          <option key={offered.name} value={offered.is_default ? "" : offered.name}>
            {schemes.names[offered.name] ?? offered.name} ({formatBasisPoints(offered.fee_bps)})
          </option>
        ))}
      </SelectField>
      <TextField
        label={start.difficulty}
        inputMode="numeric"
        hint={start.difficultyHint}
        error={errors.difficulty}
        value={fields.difficulty}
        onChange={(event) => change({ difficulty: event.target.value.trim() })}
      />
    </div>
  );
}
