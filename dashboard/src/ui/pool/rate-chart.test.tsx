import { render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { RateChart } from "./rate-chart";

const STEP = 600_000;
const NOW = 1_800_000_000_000;
const first = { start_ms: NOW, shares: 7, work: "120000", rejects: {} };

test("a pool that has just begun is told what is known and when the chart begins", () => {
  vi.useFakeTimers({ now: NOW + 60_000 });
  render(<RateChart items={[first]} step_ms={STEP} markers={[]} />);
  const words = screen.getByText(/^So far/).textContent?.replaceAll("\u00a0", " ");
  vi.useRealTimers();
  expect(words).toBe(
    "So far 2.00 kH/s from 7 shares. The chart begins in 12 minutes, with its second point.",
  );
});

test("without a share nothing is made up", () => {
  render(<RateChart items={[]} step_ms={STEP} markers={[]} />);
  expect(screen.getByText("No share in this range.")).toBeTruthy();
});
