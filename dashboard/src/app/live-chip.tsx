import { Popover } from "radix-ui";
import { connectionStore } from "@/api/connection";
import { useStore } from "@/api/store";
import { connection } from "@/lib/messages";
import { formatClock } from "@/lib/time";
import { cx } from "@/ui/cx";
import { useNow } from "@/ui/when";

/** Data older than this is not "now" any more, and says so. */
const OLD_MS = 90_000;

/** Whether the numbers follow the pool, and from which node they come. */
export function LiveChip() {
  const { state, nodeId, heardAt_ms } = useStore(connectionStore);
  useNow();
  const isOld = state !== "live" && Date.now() - heardAt_ms > OLD_MS;
  const shown = isOld && state !== "connecting" ? "offline" : state;
  const words = {
    connecting: connection.connecting,
    live: connection.live,
    reconnecting: connection.reconnecting,
    polling: connection.polling,
    offline: connection.dataFrom(formatClock(heardAt_ms)),
  }[shown];
  const dot = {
    connecting: "bg-line-strong",
    live: "bg-accent",
    reconnecting: "bg-warn animate-pulse",
    polling: "bg-warn",
    offline: "bg-bad",
  }[shown];
  return (
    <Popover.Root>
      <Popover.Trigger className="flex h-8 items-center gap-2 rounded-full border border-line px-3 text-[0.82rem] whitespace-nowrap hover:bg-raised max-sm:px-2.5">
        <span aria-hidden className={cx("size-2 rounded-full", dot)} />
        <span className="min-w-8">{words}</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          sideOffset={6}
          collisionPadding={12}
          className="z-50 max-w-72 rounded-lg border border-line-strong bg-surface px-3.5 py-3 text-sm leading-relaxed shadow-lg"
        >
          <p>{connection.about[shown]}</p>
          {nodeId !== null && (
            <p className="mt-1.5 text-muted">{connection.servedBy(connection.node(nodeId))}</p>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
