import { CircleAlert } from "lucide-react";
import { useState } from "react";
import { changeSettings, type MinerSettings } from "@/api/ownership";
import { poolNow } from "@/lib/clock";
import { settings as words } from "@/lib/messages";
import { isInForce } from "@/lib/token";
import { Switch } from "@/ui/switch";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { Confirm } from "./confirm";
import { Section } from "./section";

/** Whether miners need a token, with a warning where that would keep everybody out. */
export function RequiredSection({
  address,
  settings,
}: {
  address: string;
  settings: MinerSettings;
}) {
  const [isAsking, setAsking] = useState(false);
  const change = useChange(address, (is_token_required: boolean) =>
    changeSettings(address, { is_token_required }),
  );
  const { required } = words;
  const hasToken = settings.tokens.some((token) => isInForce(token, poolNow()));
  return (
    <Section title={required.title} text={required.text}>
      <Switch
        label={required.label}
        hint={required.hint}
        error={change.error}
        isOn={change.wanted ?? settings.is_token_required}
        isBusy={change.state === "saving"}
        onChange={(isOn) => (isOn && !hasToken ? setAsking(true) : change.send(isOn))}
      />
      {!hasToken && (
        <p className="mt-2 flex max-w-prose items-start gap-2 text-sm text-warn">
          <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0" /> {required.none}
        </p>
      )}
      <div className="mt-2 min-h-6">
        <ChangeNote change={change} />
      </div>
      <Confirm
        isOpen={isAsking}
        title={required.confirmTitle}
        act={required.confirm}
        onClose={() => setAsking(false)}
        onConfirm={() => change.send(true)}
      >
        {required.none}
      </Confirm>
    </Section>
  );
}
