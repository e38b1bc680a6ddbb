import { type FormEvent, useState } from "react";
import { type MadeToken, makeToken, type NewToken } from "@/api/ownership";
import { poolNow } from "@/lib/clock";
import { settings as words } from "@/lib/messages";
import { SPAN } from "@/lib/time";
import { isKnownWorkerName } from "@/lib/token";
import { Button } from "@/ui/button";
import { SelectField, TextField } from "@/ui/field";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { textWords } from "./text-words";

const LASTS_DAYS = { never: null, month: 30, quarter: 90, year: 365 } as const;
type Lasts = keyof typeof LASTS_DAYS;
const BLANK = { label: "", worker: "", lasts: "never" as Lasts };

/** Makes a token; what comes of it is shown by whoever is told. */
export function TokenForm({
  address,
  onMade,
}: {
  address: string;
  onMade: (made: MadeToken & { worker: string | null }) => void;
}) {
  const { tokens } = words;
  const [fields, setFields] = useState(BLANK);
  const change = useChange(
    address,
    (token: NewToken) =>
      makeToken(address, token).then((made) => ({ ...made, worker: token.worker ?? null })),
    (made) => {
      setFields(BLANK);
      if (made) onMade(made);
    },
  );
  const write = (change_: Partial<typeof BLANK>) => {
    setFields({ ...fields, ...change_ });
    change.forget();
  };
  const worker = fields.worker.trim();
  const errors = {
    label: textWords(fields.label),
    worker: worker === "" || isKnownWorkerName(worker) ? undefined : tokens.badWorker,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (errors.label || errors.worker) return;
    const days = LASTS_DAYS[fields.lasts];
    change.send({
      label: fields.label.trim(),
      worker: worker || null,
      expires_at_ms: days === null ? null : Math.round(poolNow() + days * SPAN.DAY),
    });
  };
  return (
    <form onSubmit={submit} noValidate className="border-t border-line px-5 py-4 max-sm:px-4">
      <h3 className="mb-2 font-medium">{tokens.add}</h3>
      <div className="grid items-start gap-3 sm:grid-cols-3">
        <TextField
          label={tokens.label}
          hint={tokens.labelHint}
          error={errors.label}
          autoComplete="off"
          value={fields.label}
          onChange={(event) => write({ label: event.target.value })}
        />
        <TextField
          label={tokens.worker}
          hint={tokens.workerHint}
          error={errors.worker}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={fields.worker}
          onChange={(event) => write({ worker: event.target.value })}
        />
        <SelectField
          label={tokens.lasts}
          value={fields.lasts}
          onChange={(event) => write({ lasts: event.target.value as Lasts })}
        >
          {Object.entries(tokens.spans).map(([span, name]) => (
            <option key={span} value={span}>
              {name}
            </option>
          ))}
        </SelectField>
      </div>
      {change.error && (
        <p role="alert" className="mt-2 text-sm text-bad">
          {change.error}
        </p>
      )}
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2">
        <Button kind="primary" type="submit">
          {tokens.make}
        </Button>
        <ChangeNote change={change} unknown={`${words.change.unknown} ${tokens.unknown}`} />
      </div>
    </form>
  );
}
