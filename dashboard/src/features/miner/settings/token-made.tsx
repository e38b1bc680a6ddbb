import type { MadeToken } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { getworkName } from "@/lib/token";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { Step } from "./step";

/** A token that was just made, the one time it is told. */
export function TokenMade({
  made,
  onDone,
}: {
  made: (MadeToken & { worker: string | null }) | null;
  onDone: () => void;
}) {
  return (
    <Dialog open={made !== null} onClose={onDone} title={words.made.title}>
      {made && (
        <div className="flex flex-col gap-4">
          <p>{words.made.once}</p>
          <Step title={words.made.password}>
            <CopyLine text={made.token} label={words.made.copyPassword} wrap />
            <p className="mt-1 text-sm text-muted">{words.made.passwordHint}</p>
          </Step>
          <Step title={words.made.getwork}>
            <CopyLine
              text={getworkName(made.worker, made.token)}
              label={words.made.copyGetwork}
              wrap
            />
          </Step>
          <Button kind="primary" className="self-end" onClick={onDone}>
            {words.made.done}
          </Button>
        </div>
      )}
    </Dialog>
  );
}
