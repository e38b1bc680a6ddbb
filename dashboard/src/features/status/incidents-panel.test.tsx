import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { renderPage, serve } from "@/testing/render";
import { IncidentsPanel } from "./incidents-panel";

const answer = (items: unknown[]) => ({
  "/api/v1/incidents": { index: 9, ledger_time_ms: 2, items, next_before: null },
});
const incident = (what: string, more: object) => ({
  index: what.length,
  time_ms: Date.now() - 120_000,
  what,
  payout_id: null,
  reason: null,
  ...more,
});

afterEach(() => {
  vi.unstubAllGlobals();
});

test("what happened is told in words, with why payouts were paused and which payout it was", async () => {
  serve(
    answer([
      incident("payouts_paused", { reason: "the daemon is on a fork" }),
      incident("payout_abandoned", { payout_id: 7 }),
    ]),
  );
  renderPage(<IncidentsPanel />);
  expect(await screen.findByText("Payouts were paused")).toBeTruthy();
  screen.getByText("the daemon is on a fork");
  screen.getByText(/Payout 7/);
  expect(screen.getAllByText("2 min. ago")).toHaveLength(2);
});

test("a pool without incidents says what never happened", async () => {
  serve(answer([]));
  renderPage(<IncidentsPanel />);
  expect(await screen.findByText("Nothing happened yet")).toBeTruthy();
});

test("when they cannot be read the panel says so, and offers to try again", async () => {
  serve({ "/api/v1/incidents": 503 });
  renderPage(<IncidentsPanel />);
  expect(await screen.findByRole("button", { name: /again/i })).toBeTruthy();
});

test("until they have come, the panel keeps their place", () => {
  serve({ "/api/v1/incidents": () => new Promise(() => {}) });
  const { container } = renderPage(<IncidentsPanel />);
  expect(container.textContent).not.toContain("Nothing happened yet");
});
