import { createContext, use, useEffect } from "react";
import type { EventStream } from "./events";

export const StreamContext = createContext<EventStream | null>(null);

/** Wants the events of a topic while a component is on the page. */
export function useTopic(topic: string | null): void {
  const stream = use(StreamContext);
  useEffect(() => (stream && topic !== null ? stream.want(topic) : undefined), [stream, topic]);
}
