// What jsdom lacks and pages use, and a clean page after each test. These are set and not stubbed,
// because tests take their own stubs away again.

import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";
import { forgetNodes } from "@/api/nodes";

afterEach(() => {
  cleanup();
  localStorage.clear();
  // Files share their modules: the node that one left would be the one the next begins with.
  forgetNodes();
});

const NodeRequest = globalThis.Request;

Object.assign(globalThis, {
  matchMedia: (query: string) => ({
    matches: false,
    media: query,
    addEventListener: () => {},
    removeEventListener: () => {},
  }),
  ResizeObserver: class {
    observe() {}
    unobserve() {}
    disconnect() {}
  },
  scrollTo: () => {},
  // jsdom brings an AbortSignal of its own, which the Request of Node does not take.
  Request: class extends NodeRequest {
    constructor(input: RequestInfo | URL, { signal: _, ...init }: RequestInit = {}) {
      super(input, init);
    }
  },
});
