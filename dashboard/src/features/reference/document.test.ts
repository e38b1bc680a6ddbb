import { expect, test } from "vitest";
import { reference } from "@/lib/messages";
import document from "../../../openapi.json";
import { operations } from "./document";

test("every operation of the document is shown, in a group that has a name", () => {
  const shown = operations();
  const all = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
  expect(shown).toHaveLength(all.length);
  for (const { group, path } of shown)
    expect(reference.groups[group], `${path} ${group}`).toBeTruthy();
});

test("answers name their fields, those of what they are put together from included", () => {
  const pool = operations().find(({ path }) => path === "/api/v1/pool");
  const names = pool?.fields.map(({ name }) => name);
  expect(names).toContain("index");
  expect(names).toContain("hashrate");
  expect(names).toContain("node");
});
