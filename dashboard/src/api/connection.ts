// How the page hears of changes, for the chip in the header and for those who wait for data.

import { createStore } from "./store";

export type ConnectionState = "connecting" | "live" | "reconnecting" | "polling" | "offline";

export type Connection = {
  state: ConnectionState;
  /** The node the stream comes from. */
  nodeId: number | null;
  /** When the newest data came, by this browser's clock. */
  heardAt_ms: number;
  /** Whether nodes have begun to run another program than the one this page came from. */
  isOutdated: boolean;
};

export const connectionStore = createStore<Connection>({
  state: "connecting",
  nodeId: null,
  heardAt_ms: Date.now(),
  isOutdated: false,
});

export function changeConnection(change: Partial<Connection>): void {
  connectionStore.set({ ...connectionStore.get(), ...change });
}
