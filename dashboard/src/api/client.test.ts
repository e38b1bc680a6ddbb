import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, dataOf, fetchFromAnyNode, isMissing } from "./client";
import { currentBase, forgetNodes, learnBases } from "./nodes";

const asked: string[] = [];
type Answer = (url: string, method: string) => Response | Promise<Response>;
let answer: Answer = () => new Response("{}");

beforeEach(() => {
  forgetNodes();
  asked.length = 0;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    asked.push(url);
    return answer(url, init.method ?? "GET");
  });
});
afterEach(() => vi.unstubAllGlobals());

const get = (path: string) => fetchFromAnyNode(new Request(`${location.origin}${path}`));
const at = (index: number) =>
  new Response("{}", { headers: { "x-raftpool-index": String(index) } });
const dead = () => Promise.reject(new TypeError("connection refused"));

test("another node is asked when one does not answer, and stays in use", async () => {
  learnBases(["http://b.example", "http://c.example"]);
  answer = (url) => (url.startsWith("/") ? dead() : at(7));
  expect((await get("/api/v1/pool")).status).toBe(200);
  expect(currentBase.get()).toBe("http://b.example");
  await get("/api/v1/pool");
  expect(asked).toEqual([
    "/api/v1/pool",
    "http://b.example/api/v1/pool",
    "http://b.example/api/v1/pool",
  ]);
});

test("a node that cannot serve sends the page on, but a refusal does not", async () => {
  learnBases(["http://b.example"]);
  answer = (url) => (url.startsWith("/") ? new Response("{}", { status: 503 }) : at(1));
  expect((await get("/api/v1/pool")).status).toBe(200);
  answer = () => new Response("{}", { status: 404 });
  expect((await get("/api/v1/blocks/x")).status).toBe(404);
  expect(asked).toHaveLength(3);
});

test("another node must not answer with older data than was seen", async () => {
  learnBases(["http://b.example"]);
  answer = () => at(42);
  await get("/api/v1/pool");
  answer = (url) => (url.startsWith("/") ? dead() : at(43));
  await get("/api/v1/pool?limit=1");
  expect(asked.at(-1)).toBe("http://b.example/api/v1/pool?limit=1&min_index=42");
  await get("/api/v1/pool");
  expect(asked.at(-1)).toBe("http://b.example/api/v1/pool");
});

test("when no node answers, the error says so", async () => {
  learnBases(["http://b.example"]);
  answer = dead;
  const failure = await get("/api/v1/pool").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ApiError);
  expect((failure as ApiError).code).toBe("no_answer");
  expect(asked).toHaveLength(2);
});

test("what changes something is sent once", async () => {
  learnBases(["http://b.example"]);
  answer = dead;
  const request = new Request(`${location.origin}/api/v1/sessions`, { method: "POST", body: "{}" });
  await expect(fetchFromAnyNode(request)).rejects.toBeInstanceOf(ApiError);
  expect(asked).toHaveLength(1);
});

test("a problem document becomes an error with its words and code", async () => {
  const body = { title: "Not in the ledger", detail: "no such block", code: "not_found" };
  const response = new Response(null, { status: 404 });
  const error = await dataOf(Promise.resolve({ error: body, response })).catch((e: unknown) => e);
  expect(isMissing(error)).toBe(true);
  expect((error as ApiError).message).toBe("Not in the ledger: no such block");
});

test("addresses that are none, and schemes that carry scripts, are not learned", async () => {
  learnBases(["javascript:alert(1)", "nonsense", "ftp://x.example"]);
  answer = dead;
  await get("/api/v1/pool").catch(() => {});
  expect(asked).toEqual(["/api/v1/pool"]);
});
