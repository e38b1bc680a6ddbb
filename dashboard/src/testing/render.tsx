// A page around a component: router, cache of answers, and a node that answers what a test says.

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { vi } from "vitest";

/** What the node answers, by the beginning of the path. A number is an error of that status. */
export type Answers = Record<string, unknown>;

export function serve(answers: Answers): void {
  const answerTo = async (input: string | Request) => {
    const url = typeof input === "string" ? input : input.url;
    const path = new URL(url, location.origin).pathname;
    const key = Object.keys(answers)
      .filter((known) => path.startsWith(known))
      .sort((a, b) => b.length - a.length)[0];
    const answer = key === undefined ? 404 : answers[key];
    if (typeof answer === "number") {
      const problem = { code: "test", title: `Status ${answer}`, detail: path };
      return new Response(JSON.stringify(problem), { status: answer });
    }
    return new Response(JSON.stringify(answer), {
      headers: { "content-type": "application/json" },
    });
  };
  vi.stubGlobal("fetch", vi.fn(answerTo));
}

export function renderPage(element: ReactNode, path = "/") {
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const root = createRootRoute();
  const route = createRoute({ getParentRoute: () => root, path: "$", component: () => element });
  const index = createRoute({ getParentRoute: () => root, path: "/", component: () => element });
  const router = createRouter({
    routeTree: root.addChildren([index, route]),
    history: createMemoryHistory({ initialEntries: [path] }),
  });
  const view = render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  return { ...view, queryClient, router };
}
