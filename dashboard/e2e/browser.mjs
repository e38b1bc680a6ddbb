// Chromium, and pages in it that note whatever goes wrong on them.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const executablePath = process.env.RAFTPOOL_CHROMIUM ?? "/usr/bin/chromium";
export const shots = join(dirname(fileURLToPath(import.meta.url)), "shots");
mkdirSync(shots, { recursive: true });

export const VIEWS = {
  desktop: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

export function launch() {
  // Root has no sandbox to give; nothing but our own pages is opened.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args });
}

/**
 * Runs before the page's own scripts: sums up layout shifts, with what moved, and notes when the
 * page's data is there.
 */
function observe() {
  const seen = { shift: 0, moved: [], dataAt_ms: null };
  const describe = ({ node, previousRect: from, currentRect: to }) => {
    const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const text = element?.textContent?.trim().slice(0, 40);
    const size = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
    return `<${element?.localName} class="${element?.className}"> "${text}": ${size(from)} -> ${size(to)}`;
  };
  Object.assign(window, { raftpoolSeen: seen });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      seen.shift += entry.value;
      seen.moved.push(`${entry.value.toFixed(4)}:`, ...entry.sources.map(describe));
    }
  }).observe({ type: "layout-shift", buffered: true });
  const look = () => {
    const main = document.querySelector("main");
    if (seen.dataAt_ms === null && main?.querySelector("h1") && !main.querySelector(".skeleton")) {
      seen.dataAt_ms = performance.now();
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

/** A page of its own context, with what it complained about. */
export async function openPage(browser, { view = "desktop", theme = "light" } = {}) {
  const context = await browser.newContext({
    ...VIEWS[view],
    colorScheme: theme,
    locale: "en-GB",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.addInitScript(observe);
  return { page, complaints, close: () => context.close() };
}

/** Until nothing on the page waits for data any more. */
export async function settled(page) {
  await page.waitForFunction(
    () => document.querySelector("main h1, main h2") && !document.querySelector("main .skeleton"),
    undefined,
    { timeout: 30_000 },
  );
}

export async function measures(page) {
  return page.evaluate(() => ({
    paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    data_ms: window.raftpoolSeen.dataAt_ms,
    shift: window.raftpoolSeen.shift,
    moved: window.raftpoolSeen.moved,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  }));
}
