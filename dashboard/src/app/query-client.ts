import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "@/api/client";

const STALE_MS = 5_000;
const KEPT_MS = 30 * 60_000;
const RETRIES_MAX = 2;

/** What was said once stays on the page until something newer comes, however long that takes. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: STALE_MS,
        gcTime: KEPT_MS,
        // An answer that says no says it again; silence may be over in a moment.
        retry: (failures, error) =>
          failures < RETRIES_MAX &&
          !(error instanceof ApiError && error.status >= 400 && error.status < 500),
        retryDelay: (attempt) => 400 * 2 ** attempt + Math.random() * 300,
        // Nodes on the same machine or network answer without any connection to the internet.
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}
