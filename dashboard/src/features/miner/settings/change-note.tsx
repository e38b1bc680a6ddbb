import { CircleHelp } from "lucide-react";
import { settings as words } from "@/lib/messages";
import { State } from "@/ui/badge";
import type { Change } from "./change";

/** What came of a change, as far as it does not stand beside its field. */
export function ChangeNote({
  change,
  unknown = words.change.unknown,
}: {
  change: Pick<Change<never>, "state" | "note">;
  unknown?: string;
}) {
  return (
    <div role="status" className="empty:hidden">
      {change.state === "saving" && (
        <span className="text-sm text-muted">{words.change.saving}</span>
      )}
      {change.state === "saved" && <State tone="good">{words.change.saved}</State>}
      {change.state === "unknown" && (
        <p className="flex items-start gap-2 text-sm text-warn">
          <CircleHelp size={16} aria-hidden className="mt-0.5 shrink-0" />
          <span>
            {unknown} {change.note}
          </span>
        </p>
      )}
    </div>
  );
}
