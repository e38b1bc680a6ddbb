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

/**
 * What the node answers, by the beginning of the path, with the method before it where that matters
 * ("PATCH /api/v1/…"). A number is an error of that status, a function is called with the request,
 * and a `Response` is sent as it is.
 */
export type Answers = Record<string, unknown>;

/** A request as the node got it. */
export type Asked = { method: string; path: string; body: unknown; authorization: string | null };

/** Answers in place of a node; what it gives is every request so far. */
export function serve(answers: Answers): Asked[] {
  const all: Asked[] = [];
  const answerTo = async (input: string | Request, init: RequestInit = {}) => {
    const asked = await read(input, init);
    all.push(asked);
    return made(await answerOf(answers, asked), asked.path);
  };
  vi.stubGlobal("fetch", vi.fn(answerTo));
  return all;
}

async function read(input: string | Request, init: RequestInit): Promise<Asked> {
  const url = typeof input === "string" ? input : input.url;
  const text = typeof init.body === "string" ? init.body : "";
  return {
    method: init.method ?? "GET",
    path: decodeURIComponent(new URL(url, location.origin).pathname),
    body: text === "" ? null : JSON.parse(text),
    authorization: new Headers(init.headers).get("authorization"),
  };
}

/** The longest path that fits, one with the method before one without. */
function answerOf(answers: Answers, asked: Asked): unknown {
  const pathOf = (key: string) => key.slice(key.indexOf("/"));
  const [key] = Object.keys(answers)
    .filter((known) => `${asked.method} ${asked.path}`.startsWith(known) || fits(known, asked.path))
    .sort((a, b) => pathOf(b).length - pathOf(a).length || b.length - a.length);
  const answer = key === undefined ? 404 : answers[key];
  return typeof answer === "function" ? answer(asked) : answer;
}

const fits = (key: string, path: string) => key.startsWith("/") && path.startsWith(key);

function made(answer: unknown, path: string): Response {
  if (answer instanceof Response) return answer.clone();
  if (typeof answer === "number") return problem(answer, "test", path, `Status ${answer}`);
  return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
}

/** An error as a node words it. */
export function problem(status: number, code: string, detail: string, title = "Refused"): Response {
  return new Response(JSON.stringify({ code, title, detail }), { status });
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
