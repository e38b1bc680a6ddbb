import { act, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { newestShares } from "@/api/live";
import { renderPage, serve } from "@/testing/render";
import { FirstShare } from "./first-share";

const ADDRESS = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
const share = (address: string) => ({
  address,
  worker: "rig1",
  node_id: 2,
  shares: 1,
  difficulty: "300",
  last_share_at_ms: 1,
  heardAt_ms: Date.now() + 1,
});
const hear = (address: string) =>
  act(() => newestShares.set(new Map([[`${address} rig1`, share(address)]])));

afterEach(() => {
  newestShares.set(new Map());
  vi.unstubAllGlobals();
});

test("it waits, and turns green with the first share of that address", async () => {
  serve({ "/api/v1/miners/": 404 });
  renderPage(<FirstShare address={ADDRESS} />);
  expect(await screen.findByText("Waiting for your first share…")).toBeTruthy();
  hear(ADDRESS);
  expect(screen.getByRole("status").dataset.state).toBe("arrived");
  expect(screen.getByText(/Share of “rig1” with difficulty 300, taken by node 2/)).toBeTruthy();
});

test("a share of somebody else changes nothing", async () => {
  serve({ "/api/v1/miners/": 404 });
  renderPage(<FirstShare address={ADDRESS} />);
  await screen.findByText("Waiting for your first share…");
  hear("xel:somebodyelse");
  expect(screen.getByRole("status").dataset.state).toBe("waiting");
});

test("an address that mines already is told so, and still waits for a new share", async () => {
  serve({ "/api/v1/miners/": { shares: 12, workers: { count: 2 } } });
  renderPage(<FirstShare address={ADDRESS} />);
  expect(await screen.findByText("This address mines here already.")).toBeTruthy();
  hear(ADDRESS);
  expect(screen.getByRole("status").dataset.state).toBe("arrived");
});

test("without an address it says what to do", async () => {
  renderPage(<FirstShare address={null} />);
  expect(await screen.findByText(/Enter your address/)).toBeTruthy();
});
