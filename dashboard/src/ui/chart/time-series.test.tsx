import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { TimeSeries } from "./time-series";

const data = (values: number[]) => ({
  times: values.map((_, index) => index * 600_000),
  step_ms: 600_000,
  lines: [{ name: "Hashrate", values, format: (value: number) => `${value} H/s` }],
});

test("the chart can be read as a table, newest first", () => {
  render(<TimeSeries data={data([1, 2, 3])} summary="Between 1 and 3" empty="none" />);
  fireEvent.click(screen.getByRole("button", { name: "Show as table" }));
  const cells = screen.getAllByRole("cell").map((cell) => cell.textContent);
  expect(cells.filter((text) => text?.endsWith("H/s"))).toEqual(["3 H/s", "2 H/s", "1 H/s"]);
});

test("the chart is named by its sentence", () => {
  render(<TimeSeries data={data([1, 2])} summary="Between 1 and 2" empty="none" />);
  expect(screen.getByRole("figure", { name: "Between 1 and 2" })).toBeTruthy();
});

test("a chart of one point says what is missing instead", () => {
  render(<TimeSeries data={data([1])} summary="" empty="It begins later" />);
  expect(screen.getByText("It begins later")).toBeTruthy();
});
