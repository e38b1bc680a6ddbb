// What jsdom lacks and pages use, and a clean page after each test. These are set and not stubbed,
// because tests take their own stubs away again.

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";
import { forgetNodes } from "@/api/nodes";
import { forgetSessions } from "@/api/session";

// On a machine that does much else, what is waited for takes its time.
configure({ asyncUtilTimeout: 15_000 });

afterEach(() => {
  cleanup();
  localStorage.clear();
  // Files share their modules: the node that one left would be the one the next begins with.
  forgetNodes();
  forgetSessions();
  sessionStorage.clear();
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

// The one that is open is the one with the attribute, which is all that tests look at.
Object.assign(HTMLDialogElement.prototype, {
  showModal(this: HTMLDialogElement) {
    this.open = true;
  },
  close(this: HTMLDialogElement) {
    this.open = false;
    this.dispatchEvent(new Event("close"));
  },
});
