import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// While developing, everything a node serves itself comes from a real one:
// RAFTPOOL_API=http://127.0.0.1:8000 npm run dev
const node = process.env.RAFTPOOL_API ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    proxy: Object.fromEntries(
      ["/api/v1", "/livez", "/readyz", "/metrics"].map((path) => [path, node]),
    ),
  },
  build: {
    target: "es2022",
    // Inlined files would be data: addresses, which the content security policy refuses.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, which the content security policy refuses as well.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // Says which files a page needs; scripts/size.mjs reads it, and takes it away.
    manifest: "manifest.json",
  },
  test: {
    restoreMocks: true,
    testTimeout: 30_000,
    // Starting afresh for every file takes longer than all tests; files clean up after themselves.
    isolate: false,
    pool: "threads",
    maxWorkers: 2,
    // Files in the same order everywhere: remembered times would order them anew on each machine.
    cache: false,
    // Only what touches a page needs one, and making one takes seconds.
    projects: [
      {
        extends: true,
        test: {
          name: "plain",
          environment: "node",
          include: ["src/**/*.test.ts"],
          exclude: ["src/api/**"],
        },
      },
      {
        extends: true,
        test: {
          name: "page",
          environment: "jsdom",
          include: ["src/**/*.test.tsx", "src/api/**/*.test.ts"],
          setupFiles: ["src/testing/setup.ts"],
        },
      },
    ],
  },
});
