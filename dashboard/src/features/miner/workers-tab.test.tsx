import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { renderPage, serve } from "@/testing/render";
import { WorkersTab } from "./workers-tab";

const ADDRESS = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
const worker = (name: string, more: object) => ({
  name,
  shares: 10,
  rejects: {},
  difficulty: "300",
  hashrates: { ten_minutes: 100 },
  state: "ok",
  state_detail: "fine",
  last_share_at_ms: null,
  ...more,
});

afterEach(() => vi.unstubAllGlobals());

test("what its owner calls a worker stands beside its name, where there is such a name", async () => {
  const items = [worker("rig1", { label: "Cellar, left" }), worker("rig2", { label: null })];
  // Nodes of a version before labels leave the field out.
  serve({ "/api/v1/miners/": { items: [...items, worker("rig3", {})], next_after: null } });
  renderPage(<WorkersTab address={ADDRESS} />);
  const [, first, second, third] = await screen.findAllByRole("row");
  expect(first?.textContent).toContain("rig1Cellar, left");
  expect(second?.textContent).toMatch(/^rig2OK/);
  expect(third?.textContent).toMatch(/^rig3OK/);
});
