// Every page as a whole, when no node can answer, and when nothing has happened yet: neither may
// break a page or leave it without a word.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, createRouter, RouterProvider } from "@tanstack/react-router";
import { render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { common, miner } from "@/lib/messages";
import { type Answers, serve } from "@/testing/render";
import { routeTree } from ".";

const ADDRESS = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
const PAGES = [
  "/",
  "/start",
  `/miner/${ADDRESS}`,
  `/miner/${ADDRESS}/rig1`,
  "/blocks",
  "/payouts",
  "/calculator",
  "/status",
  "/api",
  "/rules",
];
/** The first page has to be loaded and compiled, on machines that do much else. */
const DEADLINE = { timeout: 20_000 };

afterEach(() => vi.unstubAllGlobals());

async function open(path: string, answers: Answers) {
  serve(answers);
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const history = createMemoryHistory({ initialEntries: [path] });
  const router = createRouter({ routeTree, context: { queryClient }, history });
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  const main = await screen.findByRole("main", undefined, DEADLINE);
  await waitFor(() => expect(main.querySelector("h1, h2")).toBeTruthy(), DEADLINE);
  return main;
}

test.each(PAGES)(
  "%s says what is wrong when no node can answer",
  async (path) => {
    const main = await open(path, { "/": 500 });
    await waitFor(() => expect(main.querySelector('[aria-busy="true"]')).toBeNull(), DEADLINE);
    expect(screen.queryByText(common.crashed.title)).toBeNull();
    if (path !== "/api" && path !== "/rules") {
      const retries = await screen.findAllByRole("button", { name: common.retry }, DEADLINE);
      expect(retries.length).toBeGreaterThan(0);
    }
  },
  30_000,
);

test("an address that never mined is told apart from one that is wrong", async () => {
  await open(`/miner/${ADDRESS}`, { "/": 404 });
  expect(await screen.findByText(miner.unknown.title, undefined, DEADLINE)).toBeTruthy();
});

test("an address that is none is refused without asking", async () => {
  await open(`/miner/${ADDRESS.replace("vs3", "vs4")}`, { "/": 404 });
  expect(await screen.findByText(miner.invalid, undefined, DEADLINE)).toBeTruthy();
  const asked = vi.mocked(fetch).mock?.calls ?? [];
  expect(asked.filter(([url]) => String(url).includes("/miners/"))).toEqual([]);
});

test("ranges, filters and tabs that do not exist are left out of the address", async () => {
  await open("/blocks?state=nonsense&range=99y&tab=%3Cscript%3E", { "/": 404 });
  expect(screen.getByRole("radio", { name: /^All/ })).toHaveProperty("checked", true);
});
