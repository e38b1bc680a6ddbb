import { queryOptions, skipToken } from "@tanstack/react-query";

const TIMEOUT_MS = 4_000;
const EVERY_MS = 15_000;

/** How long a small request to a node's API takes; null as an address is a node nobody can ask. */
export const pingQuery = (url: string | null) =>
  queryOptions({
    queryKey: ["ping", url],
    queryFn:
      url === null
        ? skipToken
        : async () => {
            const ask = () =>
              fetch(`${url}/livez`, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
            // The first request may have to open a connection, which is not what is measured.
            await ask();
            const start = performance.now();
            await ask();
            return Math.max(1, Math.round(performance.now() - start));
          },
    refetchInterval: EVERY_MS,
    retry: false,
  });
