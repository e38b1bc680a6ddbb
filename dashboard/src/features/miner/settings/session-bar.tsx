import { useMutation } from "@tanstack/react-query";
import { closeSession } from "@/api/ownership";
import type { Session } from "@/api/session";
import { settings as words } from "@/lib/messages";
import { formatAhead, SPAN } from "@/lib/time";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { useNow } from "@/ui/when";

/** Told to those who do not look only when it is time to finish, not every minute. */
const TOLD_AT_MINUTES = [1, 5];

/** How long the session lasts, and the way out of it. */
export function SessionBar({ address, session }: { address: string; session: Session }) {
  const end = useMutation({ mutationFn: () => closeSession(address) });
  // Ticks every second; the session's end is by this browser's clock.
  useNow();
  const left_ms = session.ends_at_ms - Date.now();
  const ends =
    left_ms < SPAN.MINUTE ? words.session.endsSoon : words.session.ends(formatAhead(left_ms));
  const minutes = Math.ceil(left_ms / SPAN.MINUTE);
  return (
    <section
      aria-label={words.session.label}
      className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 px-5 py-4 max-sm:px-4"
    >
      <div>
        <State tone="good" className="!whitespace-normal">
          {words.session.proved}
        </State>
        <p className="text-sm text-muted">{ends}</p>
        <p role="status" className="sr-only">
          {TOLD_AT_MINUTES.includes(minutes) ? ends : ""}
        </p>
      </div>
      <Button onClick={() => end.mutate()}>{words.session.end}</Button>
    </section>
  );
}
