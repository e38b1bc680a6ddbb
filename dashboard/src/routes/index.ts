// Every page and its address. Pages are loaded when they are wanted; what stands in the address
// after the question mark is checked here.

import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { RANGES } from "@/lib/range";
import { rootRoute } from "./root";
import { checked, oneOf } from "./search";

type Search = Record<string, unknown>;
const BLOCK_STATES = ["maturing", "settled", "orphaned"] as const;
const MINER_TABS = ["workers", "rewards", "payouts", "statement", "settings"] as const;
const ADDRESS_LENGTH_MAX = 128;

const home = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  validateSearch: (search: Search) => checked({ range: oneOf(search.range, RANGES) }),
  component: lazyRouteComponent(() => import("@/features/home/page")),
});

const start = createRoute({
  getParentRoute: () => rootRoute,
  path: "/start",
  validateSearch: ({ address }: Search) =>
    checked({
      address:
        typeof address === "string" && address.length <= ADDRESS_LENGTH_MAX ? address : undefined,
    }),
  component: lazyRouteComponent(() => import("@/features/start/page")),
});

const miner = createRoute({
  getParentRoute: () => rootRoute,
  path: "/miner/$address",
  validateSearch: (search: Search) =>
    checked({ range: oneOf(search.range, RANGES), tab: oneOf(search.tab, MINER_TABS) }),
  component: lazyRouteComponent(() => import("@/features/miner/page")),
});

const worker = createRoute({
  getParentRoute: () => rootRoute,
  path: "/miner/$address/$worker",
  validateSearch: (search: Search) => checked({ range: oneOf(search.range, RANGES) }),
  component: lazyRouteComponent(() => import("@/features/miner/worker-page")),
});

const blocks = createRoute({
  getParentRoute: () => rootRoute,
  path: "/blocks",
  validateSearch: (search: Search) => checked({ state: oneOf(search.state, BLOCK_STATES) }),
  component: lazyRouteComponent(() => import("@/features/blocks/page")),
});

const payouts = createRoute({
  getParentRoute: () => rootRoute,
  path: "/payouts",
  component: lazyRouteComponent(() => import("@/features/payouts/page")),
});

const calculator = createRoute({
  getParentRoute: () => rootRoute,
  path: "/calculator",
  component: lazyRouteComponent(() => import("@/features/calculator/page")),
});

const status = createRoute({
  getParentRoute: () => rootRoute,
  path: "/status",
  component: lazyRouteComponent(() => import("@/features/status/page")),
});

const reference = createRoute({
  getParentRoute: () => rootRoute,
  path: "/api",
  component: lazyRouteComponent(() => import("@/features/reference/page")),
});

const rules = createRoute({
  getParentRoute: () => rootRoute,
  path: "/rules",
  component: lazyRouteComponent(() => import("@/features/rules/page")),
});

export const routeTree = rootRoute.addChildren([
  home,
  start,
  miner,
  worker,
  blocks,
  payouts,
  calculator,
  status,
  reference,
  rules,
]);
