// Prints what a first visit loads, and fails above the budget: a page that is slow to open on a
// phone is not looked at. A first visit is the entry and the page it opens, whichever is largest,
// with all that they import; what is loaded only when wanted (the plotting) is counted apart.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const JAVASCRIPT_BYTES_MAX = 200_000;
const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const manifestFile = join(dist, "manifest.json");
const manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
// It is of no use to visitors.
rmSync(manifestFile);

const gzipBytes = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const sum = (files) => [...files].reduce((bytes, file) => bytes + gzipBytes(file), 0);

/** Files of a part and of all it imports before it can run. */
function needed(key, files = new Set()) {
  const part = manifest[key];
  if (!part || files.has(part.file)) return files;
  for (const file of [part.file, ...(part.css ?? [])]) files.add(file);
  for (const imported of part.imports ?? []) needed(imported, files);
  return files;
}

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
if (!entry) {
  console.error("dashboard: the build has no entry; was it complete?");
  process.exit(1);
}
const isJavascript = (file) => file.endsWith(".js");
const pages = Object.keys(manifest)
  .filter((key) => /features\/.*page\.tsx$/.test(key))
  .map((key) => {
    const files = [...new Set([...needed(entry), ...needed(key)])];
    return { key, bytes: sum(files.filter(isJavascript)), files };
  })
  .sort((a, b) => b.bytes - a.bytes);
for (const { key, bytes } of pages) {
  console.log(`  ${kilobytes(bytes).padStart(9)}  ${key.replace("src/features/", "")}`);
}
const [largest] = pages;
const styles = sum(largest.files.filter((file) => file.endsWith(".css")));
const all = sum(readdirSync(join(dist, "assets")).map((file) => join("assets", file)));
console.log(
  `dashboard: first load at most ${kilobytes(largest.bytes)} of JavaScript ` +
    `(allowed ${kilobytes(JAVASCRIPT_BYTES_MAX)}) and ${kilobytes(styles)} of CSS, gzip; ` +
    `${kilobytes(all)} in all`,
);
if (largest.bytes > JAVASCRIPT_BYTES_MAX) {
  console.error("dashboard: the first load is too large; load what not every visit needs lazily");
  process.exit(1);
}
