import { expect, test } from "vitest";
import {
  formatAhead,
  formatDuration,
  formatMinutes,
  formatRelative,
  formatRoughly,
  SPAN,
} from "./time";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

test("durations name the two largest units", () => {
  expect(plain(formatDuration(42_900))).toBe("42 s");
  expect(plain(formatDuration(5 * SPAN.MINUTE))).toBe("5 min");
  expect(plain(formatDuration(2 * SPAN.HOUR + 5 * SPAN.MINUTE))).toBe("2 h 5 min");
  expect(plain(formatDuration(3 * SPAN.DAY + 4 * SPAN.HOUR + 59 * SPAN.MINUTE))).toBe("3 d 4 h");
  expect(plain(formatDuration(SPAN.DAY))).toBe("1 d");
  expect(plain(formatDuration(-5))).toBe("0 s");
});

test("an expectation is one rounded unit", () => {
  expect(plain(formatRoughly(100 * SPAN.MINUTE))).toBe("2 h");
  expect(plain(formatRoughly(200))).toBe("1 s");
  expect(formatRoughly(Number.POSITIVE_INFINITY)).toBe("–");
});

test("relative times look both ways", () => {
  expect(formatRelative(0, 3 * SPAN.MINUTE, "en")).toBe("3 min. ago");
  expect(formatRelative(2 * SPAN.HOUR, 0, "en")).toBe("in 2 hr.");
  expect(formatRelative(1_000, 1_000, "en")).toBe("now");
});

test("what is left counts the minute that has begun", () => {
  expect(formatAhead(24 * SPAN.MINUTE, "en")).toBe("in 24 minutes");
  expect(formatAhead(23 * SPAN.MINUTE + 1, "en")).toBe("in 24 minutes");
  expect(formatAhead(10, "en")).toBe("in 1 minute");
  expect(formatMinutes(9.5 * SPAN.MINUTE, "en")).toBe("10 minutes");
});
