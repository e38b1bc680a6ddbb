import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { Loaded, type Loading } from "./panel";

const query = (change: Partial<Loading<string>>): Loading<string> => ({
  data: undefined,
  error: null,
  dataUpdatedAt: 0,
  isFetching: false,
  refetch: () => {},
  ...change,
});
const show = (change: Partial<Loading<string>>) =>
  render(
    <Loaded query={query(change)} skeleton={<i>skeleton</i>}>
      {(data) => <p>{data}</p>}
    </Loaded>,
  );

test("the skeleton stands only while there is no data", () => {
  show({ isFetching: true });
  expect(screen.getByText("skeleton")).toBeTruthy();
});

test("a refetch never hides the data that is there", () => {
  show({ data: "old", isFetching: true });
  expect(screen.getByText("old")).toBeTruthy();
  expect(screen.queryByText("skeleton")).toBeNull();
});

test("an error beside data keeps the data and says how old it is", () => {
  show({ data: "old", error: new Error("gone"), dataUpdatedAt: Date.UTC(2026, 0, 1, 12, 3) });
  expect(screen.getByText("old")).toBeTruthy();
  expect(screen.getByText(/Data from/)).toBeTruthy();
});

test("an error without data is told, and can be tried again", () => {
  const refetch = vi.fn();
  show({ error: new Error("No node answers"), refetch });
  expect(screen.getByRole("alert").textContent).toContain("No node answers");
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(refetch).toHaveBeenCalledOnce();
});
