import { expect, test } from "vitest";
import { exampleRate, typedNumber } from "./inputs";

test("the example is a round tenth of the pool", () => {
  expect(exampleRate(88)).toEqual({ rate: "9", unit: "H/s" });
  expect(exampleRate(1_234_567)).toEqual({ rate: "100", unit: "kH/s" });
  expect(exampleRate(3)).toEqual({ rate: "1", unit: "H/s" });
  expect(exampleRate(0)).toEqual({ rate: "10", unit: "kH/s" });
});

test("numbers are typed with a point or a comma, and are above zero", () => {
  expect(typedNumber(" 1,5 ")).toBe(1.5);
  for (const wrong of ["", "0", "-1", "ten", "1,2,3", "Infinity"]) {
    expect(typedNumber(wrong), wrong).toBeNull();
  }
});
