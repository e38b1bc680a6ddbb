import { changeSettings, type MinerSettings } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { Switch } from "@/ui/switch";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { Section } from "./section";

/** Whether the address is in public lists, and what no switch takes out of the public. */
export function HiddenSection({ address, settings }: { address: string; settings: MinerSettings }) {
  const change = useChange(address, (is_hidden: boolean) => changeSettings(address, { is_hidden }));
  const { hidden } = words;
  return (
    <Section title={hidden.title} text={hidden.text}>
      <Switch
        label={hidden.label}
        hint={hidden.hint}
        error={change.error}
        isOn={change.wanted ?? settings.is_hidden}
        isBusy={change.state === "saving"}
        onChange={change.send}
      />
      <p className="mt-2 max-w-prose text-sm text-muted">{hidden.stays}</p>
      <div className="mt-2 min-h-6">
        <ChangeNote change={change} />
      </div>
    </Section>
  );
}
