import { useEffect, useState } from "react";
import { poolNow } from "@/lib/clock";
import { formatAbsolute, formatDuration, formatRelative } from "@/lib/time";

const TICK_MS = 1_000;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Now, by the pool's clock; one timer serves the whole page. */
export function useNow(): number {
  const [now, setNow] = useState(poolNow);
  useEffect(() => {
    const tick = () => setNow(poolNow());
    listeners.add(tick);
    timer ??= setInterval(() => {
      for (const listener of listeners) listener();
    }, TICK_MS);
    return () => {
      listeners.delete(tick);
      if (listeners.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    };
  }, []);
  return now;
}

/** A point in time as it is told, with the absolute time on demand and for machines. */
export function When({ at_ms }: { at_ms: number | null | undefined }) {
  const now = useNow();
  if (at_ms === null || at_ms === undefined) return <>–</>;
  return (
    <time
      dateTime={new Date(at_ms).toISOString()}
      title={formatAbsolute(at_ms)}
      className="whitespace-nowrap"
    >
      {/* What is just behind the next tick is "now" and not in the future. */}
      {formatRelative(at_ms, at_ms > now && at_ms < now + 2_000 ? at_ms : now)}
    </time>
  );
}

/** How long something has lasted. */
export function Since({ at_ms }: { at_ms: number | null | undefined }) {
  const now = useNow();
  if (at_ms === null || at_ms === undefined) return <>–</>;
  return (
    <time dateTime={new Date(at_ms).toISOString()} title={formatAbsolute(at_ms)}>
      {formatDuration(now - at_ms)}
    </time>
  );
}
