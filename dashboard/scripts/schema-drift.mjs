// Fails when the types of the API are not those of openapi.json, which the node's tests keep equal
// to what the node serves. `npm run gen` makes them anew.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTypescript, { astToString } from "openapi-typescript";

const dashboard = join(dirname(fileURLToPath(import.meta.url)), "..");
const document = JSON.parse(readFileSync(join(dashboard, "openapi.json"), "utf8"));
const committed = readFileSync(join(dashboard, "src/api/schema.d.ts"), "utf8");
const made = astToString(await openapiTypescript(document));
const formatted = execFileSync(
  "node_modules/.bin/biome",
  ["format", "--stdin-file-path=schema.d.ts"],
  {
    cwd: dashboard,
    input: made,
    encoding: "utf8",
  },
);
// The command line puts a comment in front, which says nothing of the API.
const bare = (text) => text.replace(/^\/\*\*[\s\S]*?\*\/\s*/, "");
if (bare(committed) !== bare(formatted)) {
  console.error("dashboard: src/api/schema.d.ts is not what openapi.json says; run: npm run gen");
  process.exit(1);
}
