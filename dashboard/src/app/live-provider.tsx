import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import type { EventStream } from "@/api/events";
import { startLive } from "@/api/live";
import { StreamContext } from "@/api/stream-context";

/** Keeps the one stream of changes of this tab open while the page is. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient();
  const [stream, setStream] = useState<EventStream | null>(null);
  useEffect(() => {
    const live = startLive(queryClient);
    setStream(live.stream);
    return () => live.stop();
  }, [queryClient]);
  return <StreamContext value={stream}>{children}</StreamContext>;
}
