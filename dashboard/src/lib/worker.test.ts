import { expect, test } from "vitest";
import { refusedOf } from "./worker";

test("the part of refused shares counts all shares that were sent", () => {
  expect(refusedOf(90, { stale: 6, duplicate: 4 })).toEqual({ count: 10, part: 0.1 });
  expect(refusedOf(0, {})).toEqual({ count: 0, part: 0 });
});
