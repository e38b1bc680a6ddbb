import { act, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { type MinerNews, minerNews } from "@/api/live";
import { renderPage, serve } from "@/testing/render";
import { FirstShare } from "./first-share";

const ADDRESS = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
const hear = (address: string, shares: number) =>
  act(() => minerNews.set(new Map([[address, newsOf(address, shares)]])));
const newsOf = (address: string, shares: number) =>
  ({
    address,
    miner: { shares },
    workers: [{ name: "rig1", difficulty: "300" }],
  }) as unknown as MinerNews;

/** Until the page has the answer to how many shares there were. */
const settle = () =>
  waitFor(() => expect(screen.getByRole("status").dataset.state).toBe("waiting"));

afterEach(() => {
  minerNews.set(new Map());
  vi.unstubAllGlobals();
});

test("it waits, and turns green with the first share of that address", async () => {
  serve({ "/api/v1/miners/": 404 });
  renderPage(<FirstShare address={ADDRESS} />);
  expect(await screen.findByText("Waiting for your first share…")).toBeTruthy();
  await settle();
  hear(ADDRESS, 1);
  expect(screen.getByRole("status").dataset.state).toBe("arrived");
  expect(screen.getByText(/Share of “rig1”, whose difficulty is 300/)).toBeTruthy();
});

test("a share of somebody else changes nothing", async () => {
  serve({ "/api/v1/miners/": 404 });
  renderPage(<FirstShare address={ADDRESS} />);
  await screen.findByText("Waiting for your first share…");
  await settle();
  hear("xel:somebodyelse", 9);
  expect(screen.getByRole("status").dataset.state).toBe("waiting");
});

test("an address that mines already is told so, and still waits for a new share", async () => {
  serve({ "/api/v1/miners/": { shares: 12, workers: { count: 2 } } });
  renderPage(<FirstShare address={ADDRESS} />);
  expect(await screen.findByText("This address mines here already.")).toBeTruthy();
  hear(ADDRESS, 12);
  expect(screen.getByRole("status").dataset.state).toBe("waiting");
  hear(ADDRESS, 13);
  expect(screen.getByRole("status").dataset.state).toBe("arrived");
});

test("without an address it says what to do", async () => {
  renderPage(<FirstShare address={null} />);
  expect(await screen.findByText(/Enter your address/)).toBeTruthy();
});
