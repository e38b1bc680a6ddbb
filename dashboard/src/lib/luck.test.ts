import { expect, test } from "vitest";
import { effortBand, effortProbability, poissonProbability, poissonQuantile } from "./luck";

test("a round of twice the mean is nothing strange", () => {
  expect(1 - effortProbability(1)).toBeCloseTo(0.3679, 4);
  expect(1 - effortProbability(3)).toBeCloseTo(0.0498, 4);
});

test("the band of one round is that of an exponential value", () => {
  const band = effortBand(1);
  expect(band?.low).toBeCloseTo(-Math.log(0.95), 6);
  expect(band?.high).toBeCloseTo(-Math.log(0.05), 6);
});

test("the band of ten rounds is that of the gamma distribution", () => {
  // Half the 5 % and 95 % quantiles of chi-squared with 20 degrees, over 10.
  expect(effortBand(10)?.low).toBeCloseTo(0.54254, 4);
  expect(effortBand(10)?.high).toBeCloseTo(1.57052, 4);
});

test("the band narrows with the root of the rounds, and both ways of reckoning meet", () => {
  const [exact, approximate] = [effortBand(400), effortBand(401)];
  expect(exact?.low).toBeCloseTo(approximate?.low ?? 0, 3);
  expect(exact?.high).toBeCloseTo(approximate?.high ?? 0, 3);
  expect(effortBand(0)).toBeNull();
});

test("poisson quantiles agree with their sums", () => {
  expect(poissonProbability(3, 0)).toBeCloseTo(Math.exp(-3), 10);
  expect(poissonQuantile(3, 0.05)).toBe(1);
  expect(poissonQuantile(3, 0.95)).toBe(6);
  expect(poissonQuantile(0.01, 0.95)).toBe(0);
  expect(poissonQuantile(10_000, 0.05)).toBe(9_836);
});
