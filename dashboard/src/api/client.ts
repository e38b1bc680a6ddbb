// The one client of the API: typed by its OpenAPI document, moving to another node when one does
// not answer, and turning every failure into an error with words for people.

import createClient from "openapi-fetch";
import { common } from "@/lib/messages";
import { currentBase, knownBases, leaveBase, minIndexFor, noteIndex } from "./nodes";
import type { paths } from "./schema";

const ANSWER_TIMEOUT_MS = 8_000;
/** A node that answers so is there and cannot serve; another one may. */
const ELSEWHERE = new Set([502, 503, 504]);

/** An answer that is none, in the words of the API's problem documents. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

/** Whether the thing asked for does not exist, as opposed to could not be asked for. */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** Asks the node in use, and each of the others at most once when it does not answer. */
export async function fetchFromAnyNode(request: Request): Promise<Response> {
  // What changes something is sent once: nobody knows whether a lost answer meant "done".
  const attempts = request.method === "GET" ? knownBases() : 1;
  for (let attempt = 1; ; attempt += 1) {
    const base = currentBase.get();
    try {
      const response = await fetch(addressAt(base, request), {
        method: request.method,
        headers: request.headers,
        // Without a body, none: an empty one would be given a type.
        body: request.method === "GET" ? null : (await request.clone().text()) || null,
        signal: withTimeout(request.signal),
      });
      if (!ELSEWHERE.has(response.status) || attempt >= attempts) {
        noteIndex(Number(response.headers.get("x-raftpool-index") ?? 0), base);
        return response;
      }
    } catch (error) {
      if (request.signal.aborted) throw error;
      if (attempt >= attempts) {
        leaveBase(base);
        throw new ApiError(0, "no_answer", common.noAnswer);
      }
    }
    leaveBase(base);
  }
}

function addressAt(base: string, request: Request): string {
  const url = new URL(request.url);
  const minIndex = minIndexFor(base);
  if (minIndex !== null && request.method === "GET") {
    url.searchParams.set("min_index", String(minIndex));
  }
  return `${base}${url.pathname}${url.search}`;
}

/** A node whose machine hangs accepts connections and never answers. */
function withTimeout(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
}

export const client = createClient<paths>({
  baseUrl: location.origin,
  fetch: fetchFromAnyNode,
});

/** The data of an answer, or the error it was. */
export async function dataOf<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await answer;
  if (data !== undefined) return data;
  throw problemOf(response.status, error);
}

/** Whether what was asked for was done, where the answer has nothing else to say. */
export async function doneOf(answer: Promise<{ error?: unknown; response: Response }>) {
  const { error, response } = await answer;
  if (!response.ok) throw problemOf(response.status, error);
}

function problemOf(status: number, body: unknown): ApiError {
  const field = (name: string) => {
    const value = (body as Record<string, unknown> | undefined)?.[name];
    return typeof value === "string" ? value : undefined;
  };
  const words = [field("title"), field("detail")].filter(Boolean).join(": ");
  return new ApiError(status, field("code") ?? "unknown", words || `The node answered ${status}.`);
}
