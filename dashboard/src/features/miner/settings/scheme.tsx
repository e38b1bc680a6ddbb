import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { changeSettings, type MinerSettings } from "@/api/ownership";
import { poolQuery } from "@/api/queries";
import { schemes, settings as words } from "@/lib/messages";
import { formatBasisPoints } from "@/lib/number";
import { Button } from "@/ui/button";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { Section } from "./section";

/** One of those offered; null is what the port or the password says. */
type Scheme = MinerSettings["scheme"];

/** How the owner is paid where a miner does not say. */
export function SchemeSection({ address, settings }: { address: string; settings: MinerSettings }) {
  const [chosen, setChosen] = useState<Scheme | undefined>(undefined);
  const change = useChange(
    address,
    (scheme: Scheme) => changeSettings(address, { scheme }),
    () => setChosen(undefined),
  );
  const value = chosen === undefined ? settings.scheme : chosen;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (chosen !== undefined) change.send(chosen);
  };
  return (
    <Section title={words.scheme.title} text={words.scheme.text}>
      <form onSubmit={submit} className="flex flex-col items-start gap-3">
        <fieldset className="flex flex-col gap-2.5">
          <legend className="sr-only">{words.scheme.label}</legend>
          {[null, ...settings.schemes_offered].map((scheme) => (
            <Choice
              key={scheme ?? ""}
              scheme={scheme}
              isChosen={scheme === value}
              onChoose={() => {
                setChosen(scheme);
                change.forget();
              }}
            />
          ))}
        </fieldset>
        {change.error && (
          <p role="alert" className="text-sm text-bad">
            {change.error}
          </p>
        )}
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <Button kind="primary" type="submit" disabled={value === settings.scheme}>
            {words.change.save}
          </Button>
          <ChangeNote change={change} />
        </div>
      </form>
    </Section>
  );
}

function Choice({
  scheme,
  isChosen,
  onChoose,
}: {
  scheme: string | null;
  isChosen: boolean;
  onChoose: () => void;
}) {
  const id = useId();
  const pool = useQuery(poolQuery);
  const offer = pool.data?.settings?.schemes.find(({ name }) => name === scheme);
  const name = scheme === null ? words.scheme.none : (schemes.names[scheme] ?? scheme);
  return (
    <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-2.5">
      <input
        id={id}
        type="radio"
        name="scheme"
        checked={isChosen}
        onChange={onChoose}
        aria-describedby={`${id}-note`}
        className="mt-1 size-4 accent-accent"
      />
      <label htmlFor={id} className="cursor-pointer font-medium">
        {name}
        {offer && (
          <span className="ml-2 text-sm font-normal text-muted">
            {words.scheme.fee(formatBasisPoints(offer.fee_bps))}
          </span>
        )}
      </label>
      <p id={`${id}-note`} className="col-start-2 text-sm text-muted">
        {scheme === null ? words.scheme.noneText : schemes.about[scheme]}
      </p>
    </div>
  );
}
