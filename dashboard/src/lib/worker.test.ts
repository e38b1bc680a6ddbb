import { expect, test } from "vitest";
import { SPAN } from "./time";
import { refusedOf, stateOf } from "./worker";

test("a worker is offline after ten minutes without a share, and not before", () => {
  const now = 100 * SPAN.HOUR;
  expect(stateOf(now - 9 * SPAN.MINUTE, now)).toBe("ok");
  expect(stateOf(now - 11 * SPAN.MINUTE, now)).toBe("offline");
  expect(stateOf(null, now)).toBe("offline");
});

test("the part of refused shares counts all shares that were sent", () => {
  expect(refusedOf(90, { stale: 6, duplicate: 4 })).toEqual({ count: 10, part: 0.1 });
  expect(refusedOf(0, {})).toEqual({ count: 0, part: 0 });
});
