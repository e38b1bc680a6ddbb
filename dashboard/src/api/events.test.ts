import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { changeConnection, connectionStore } from "./connection";
import { EventStream } from "./events";
import { forgetNodes, learnBases } from "./nodes";

class FakeSource extends EventTarget {
  static opened: FakeSource[] = [];
  isClosed = false;
  constructor(readonly url: string) {
    super();
    FakeSource.opened.push(this);
  }
  close() {
    this.isClosed = true;
  }
  send(name: string, data: unknown, lastEventId = "") {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId }));
  }
  fail() {
    this.dispatchEvent(new Event("error"));
  }
}

const heard: [string, unknown][] = [];
let stream: EventStream;
const newest = () => {
  const source = FakeSource.opened.at(-1);
  if (!source) throw new Error("no stream was opened");
  return source;
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", FakeSource);
  FakeSource.opened = [];
  heard.length = 0;
  forgetNodes();
  changeConnection({ state: "connecting" });
  stream = new EventStream(
    (name, data) => heard.push([name, data]),
    () => 0.5,
  );
});
afterEach(() => {
  stream.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("one stream carries all topics, each once", () => {
  stream.want("pool");
  stream.want("blocks");
  stream.want("pool");
  vi.advanceTimersByTime(50);
  expect(FakeSource.opened.map((source) => source.url)).toEqual([
    "/api/v1/events?topics=blocks%2Cpool",
  ]);
});

test("a topic that nobody wants any more is left out, and an unchanged set opens nothing new", () => {
  stream.want("pool");
  const unwant = stream.want("miner:x");
  const again = stream.want("miner:x");
  vi.advanceTimersByTime(50);
  again();
  vi.advanceTimersByTime(50);
  expect(FakeSource.opened).toHaveLength(1);
  unwant();
  vi.advanceTimersByTime(50);
  expect(newest().url).toBe("/api/v1/events?topics=pool");
  expect(FakeSource.opened[0]?.isClosed).toBe(true);
});

test("when a node dies, the next goes on after the last event within a second", () => {
  learnBases(["http://b.example"]);
  stream.want("pool");
  vi.advanceTimersByTime(50);
  newest().send("pool", { hashrate: 1 }, "41");
  expect(connectionStore.get().state).toBe("live");
  newest().fail();
  expect(connectionStore.get().state).toBe("reconnecting");
  vi.advanceTimersByTime(1_000);
  expect(newest().url).toBe("http://b.example/api/v1/events?topics=pool&last_event_id=41");
  newest().send("pool", { hashrate: 2 }, "42");
  expect(connectionStore.get().state).toBe("live");
  expect(heard).toEqual([
    ["pool", { hashrate: 1 }],
    ["pool", { hashrate: 2 }],
  ]);
});

test("the page asks by itself after three failures, and goes on trying with pauses", () => {
  stream.want("pool");
  vi.advanceTimersByTime(50);
  for (const state of ["reconnecting", "reconnecting", "polling"]) {
    newest().fail();
    expect(connectionStore.get().state).toBe(state);
    vi.advanceTimersByTime(4_000);
  }
  expect(FakeSource.opened).toHaveLength(4);
  newest().send("ping", {});
  expect(connectionStore.get().state).toBe("live");
});

test("a stream that is silent for too long is dead", () => {
  learnBases(["http://b.example"]);
  stream.want("pool");
  vi.advanceTimersByTime(50);
  newest().send("hello", { node_id: 1 });
  vi.advanceTimersByTime(39_000);
  expect(FakeSource.opened).toHaveLength(1);
  vi.advanceTimersByTime(2_000);
  expect(FakeSource.opened[0]?.isClosed).toBe(true);
  expect(newest().url).toContain("http://b.example/");
});

test("the last words of a stream that was left do not count", () => {
  learnBases(["http://b.example"]);
  stream.want("pool");
  vi.advanceTimersByTime(50);
  const old = newest();
  old.fail();
  vi.advanceTimersByTime(1_000);
  old.fail();
  expect(newest().isClosed).toBe(false);
});
