// The edges between the parts of the dashboard: features know ui, api and lib and never each other,
// and what lies below never knows what lies above.

import { expect, test } from "vitest";

const sources = import.meta.glob<string>("./**/*.{ts,tsx}", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** What each part may import besides itself; types may come from one step higher where named. */
const ALLOWED: Record<string, string[]> = {
  lib: [],
  api: ["lib"],
  ui: ["lib"],
  features: ["ui", "api", "lib"],
  routes: ["app", "features", "lib"],
  app: ["routes", "ui", "api", "lib"],
};
const TYPES_ALLOWED: Record<string, string[]> = { ui: ["api"] };

type Import = { from: string; to: string; isType: boolean };

function importsOf(file: string, text: string): Import[] {
  const found = text.matchAll(
    /(import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g,
  );
  return [...found].map(([, , type, first, second]) => ({
    from: file,
    to: resolved(file, first ?? second ?? ""),
    isType: type !== undefined,
  }));
}

/** The path below src, or an empty text for a package. */
function resolved(file: string, target: string): string {
  if (target.startsWith("@/")) return target.slice(2);
  if (!target.startsWith(".")) return "";
  const base = new URL(file.slice(2), "file:///src/");
  return new URL(target, base).pathname.replace(/^\/src\//, "");
}

const place = (path: string) => path.replace(/^\.\//, "").split("/");

function offences(files: Record<string, string>): string[] {
  const code = Object.entries(files).filter(
    ([file]) => !/\.test\.|\/testing\/|main\.tsx/.test(file),
  );
  return code
    .flatMap(([file, text]) => importsOf(file, text))
    .filter(({ from, to, isType }) => {
      const [part = "", feature] = place(from);
      const [target = "", other] = place(to);
      if (to === "" || to.startsWith("/") || !(part in ALLOWED)) return false;
      if (target === part) return part === "features" && feature !== other;
      if (ALLOWED[part]?.includes(target)) return false;
      return !(isType && TYPES_ALLOWED[part]?.includes(target));
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

test("no part of the dashboard imports what it must not know", () => {
  expect(Object.keys(sources).length).toBeGreaterThan(50);
  expect(offences(sources)).toEqual([]);
});

test("an import of another feature, or upwards, would be found", () => {
  expect(
    offences({ "./features/home/a.ts": 'import { x } from "@/features/miner/b";' }),
  ).toHaveLength(1);
  expect(offences({ "./features/home/a.ts": 'import { x } from "../miner/b";' })).toHaveLength(1);
  expect(offences({ "./lib/a.ts": 'import { x } from "@/api/b";' })).toHaveLength(1);
  expect(offences({ "./ui/a.ts": 'import { x } from "@/api/b";' })).toHaveLength(1);
  expect(offences({ "./ui/a.ts": 'import type { X } from "@/api/b";' })).toHaveLength(0);
});
