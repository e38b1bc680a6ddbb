// The stream of changes: one per tab, over whatever topics its components want. Event ids are
// indexes of the pool's log, so another node goes on exactly where one has stopped.

import { changeConnection } from "./connection";
import { currentBase, knownBases, leaveBase } from "./nodes";

export const PATH = "/api/v1/events";
const EVENTS = ["hello", "ping", "reset", "pool", "blocks", "payouts", "nodes", "miner"] as const;
export type EventName = (typeof EVENTS)[number];
export type EventHandler = (name: EventName, data: unknown) => void;

/** Another node is tried at once; only when that has failed as well is there a pause. */
const FIRST_PAUSE_MS = [150, 500] as const;
const PAUSE_MS = [2_000, 4_000] as const;
/** So many failures in a row, and the page asks by itself meanwhile. */
const FAILURES_BEFORE_POLLING = 3;
/** Nodes say "ping" every 15 seconds; one that is silent for so long is dead without having said so. */
const SILENCE_MAX_MS = 40_000;
/** Topics come and go together when a page changes. */
const SETTLE_MS = 30;

export class EventStream {
  private source: EventSource | null = null;
  private readonly topics = new Map<string, number>();
  private lastId = "";
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private openTopics = "";

  constructor(
    private readonly handle: EventHandler,
    private readonly random: () => number = Math.random,
  ) {}

  /** Wants a topic until the returned function is called. */
  want(topic: string): () => void {
    this.topics.set(topic, (this.topics.get(topic) ?? 0) + 1);
    this.schedule(SETTLE_MS);
    return () => {
      const count = (this.topics.get(topic) ?? 1) - 1;
      if (count > 0) this.topics.set(topic, count);
      else this.topics.delete(topic);
      this.schedule(SETTLE_MS);
    };
  }

  /** Closes the stream for good. */
  stop(): void {
    clearTimeout(this.retry);
    this.close();
  }

  private schedule(after_ms: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), after_ms);
  }

  private open(): void {
    const topics = [...this.topics.keys()].sort().join(",");
    if (topics === "") {
      this.close();
      return;
    }
    if (this.source && topics === this.openTopics) return;
    this.close();
    this.openTopics = topics;
    const base = currentBase.get();
    const query = new URLSearchParams({ topics });
    if (this.lastId !== "") query.set("last_event_id", this.lastId);
    const source = new EventSource(`${base}${PATH}?${query}`);
    this.source = source;
    this.watch(base);
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => this.receive(base, name, event));
    }
    source.addEventListener("error", () => {
      if (this.source === source) this.fail(base);
    });
  }

  private receive(base: string, name: EventName, event: MessageEvent<string>): void {
    if (event.lastEventId !== "") this.lastId = event.lastEventId;
    this.failures = 0;
    this.watch(base);
    const data = parsed(event.data);
    // What this page does not understand it can load.
    if (data !== undefined) this.handle(name, data);
    changeConnection({ state: "live", heardAt_ms: Date.now() });
  }

  /** The browser would go on with the node that is gone, so the stream is opened anew elsewhere. */
  private fail(base: string): void {
    this.close();
    leaveBase(base);
    this.failures += 1;
    const isPolling = this.failures >= Math.max(FAILURES_BEFORE_POLLING, knownBases());
    changeConnection({ state: isPolling ? "polling" : "reconnecting" });
    const [low, high] = this.failures === 1 ? FIRST_PAUSE_MS : PAUSE_MS;
    this.schedule(low + this.random() * (high - low));
  }

  private watch(base: string): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.fail(base), SILENCE_MAX_MS);
  }

  private close(): void {
    clearTimeout(this.watchdog);
    this.source?.close();
    this.source = null;
    this.openTopics = "";
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
