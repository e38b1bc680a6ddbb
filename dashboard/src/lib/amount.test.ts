import { expect, test } from "vitest";
import { formatXel, parseAtomic, parseXel, plainXel } from "./amount";

const shown = (atomic: string, digits?: number) =>
  formatXel(atomic, digits === undefined ? { locale: "en" } : { digits, locale: "en" });

test("amounts keep every atomic unit beyond what a float can hold", () => {
  expect(shown("1840000000000001")).toBe("18,400,000.00000001");
  expect(shown("9007199254740993")).toBe("90,071,992.54740993");
});

test("amounts are cut and not rounded up", () => {
  expect(shown("199999999", 4)).toBe("1.9999");
});

test("something never looks like nothing", () => {
  expect(shown("1", 4)).toBe("0.00000001");
  expect(shown("0", 4)).toBe("0.0000");
  expect(shown("0")).toBe("0.00");
});

test("the decimal separator is that of the reader", () => {
  expect(formatXel("123456789012", { locale: "de", digits: 4 })).toBe("1.234,5678");
});

test("what is no number is not shown as zero", () => {
  expect(formatXel(null)).toBe("–");
  expect(parseAtomic("1e5")).toBeNull();
  expect(parseAtomic("")).toBeNull();
});

test("typed amounts are read with a point or a comma, and nothing else", () => {
  expect(parseXel("1.5")).toBe(150_000_000n);
  expect(parseXel("0,00000001")).toBe(1n);
  for (const wrong of ["", "-1", "1.000000001", "1e3", "1 000", "."]) {
    expect(parseXel(wrong), wrong).toBeNull();
  }
});

test("a typed amount survives the way back", () => {
  for (const text of ["0", "1", "0.00000001", "1234567.5"]) {
    expect(plainXel(parseXel(text) ?? -1n)).toBe(text);
  }
});
