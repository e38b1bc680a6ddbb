import { expect, test } from "vitest";
import {
  formatBasisPoints,
  formatHashrate,
  formatPercent,
  formatScaled,
  relativeError,
  scale,
} from "./number";

test("rates have three significant digits and the right prefix", () => {
  const rate = (value: number | string) => formatHashrate(value, "en").replace("\u00a0", " ");
  expect(rate(0)).toBe("0 H/s");
  expect(rate(7)).toBe("7 H/s");
  expect(rate(12_345)).toBe("12.3 kH/s");
  expect(rate(999)).toBe("999 H/s");
  expect(rate(999_600)).toBe("1.00 MH/s");
  expect(rate("340282366920938463463")).toBe("340 EH/s");
});

test("a number that is not known is a dash and not zero", () => {
  expect(formatHashrate(null)).toBe("–");
  expect(formatScaled(undefined)).toBe("–");
  expect(formatPercent(null)).toBe("–");
});

test("numbers follow the reader's locale", () => {
  expect(scale(1234, "H/s", "de").value).toBe("1,23");
});

test("small ratios keep a digit that says something", () => {
  expect(formatPercent("0.413000", { locale: "en" })).toBe("41%");
  expect(formatPercent(2.5, { locale: "en" })).toBe("250%");
  expect(formatPercent(0.05, { locale: "en" })).toBe("5.0%");
  expect(formatPercent(0.0042, { locale: "en" })).toBe("0.42%");
  expect(formatPercent(0, { locale: "en" })).toBe("0%");
});

test("fees are shown as they were set", () => {
  expect(formatBasisPoints(75, "en")).toBe("0.75%");
  expect(formatBasisPoints(100, "en")).toBe("1%");
});

test("the error of a rate falls with the root of the shares", () => {
  expect(relativeError(100)).toBeCloseTo(0.1);
  expect(relativeError(0)).toBeNull();
});
