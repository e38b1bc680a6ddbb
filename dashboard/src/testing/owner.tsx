// The settings of an address as its owner sees them, with a node that keeps what is sent to it.

import { screen, within } from "@testing-library/react";
import type { MinerSettings } from "@/api/ownership";
import { beginSession } from "@/api/session";
import SettingsTab from "@/features/miner/settings/tab";
import { type Answers, type Asked, renderPage, serve } from "./render";

export const OWNED = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
export const OF_OWNED = `/api/v1/miners/${OWNED}`;
export const SECRET = "rps_secret";
const HALF_AN_HOUR_MS = 30 * 60_000;

export const settingsOf = (change: Partial<MinerSettings> = {}): MinerSettings => ({
  index: 7,
  ledger_time_ms: Date.now(),
  session_expires_at_ms: Date.now() + HALF_AN_HOUR_MS,
  payout_threshold_atomic: null,
  pool_payout_threshold_atomic: "50000000",
  scheme: null,
  schemes_offered: ["pplns", "solo"],
  is_hidden: false,
  is_token_required: false,
  tokens: [],
  labels: [],
  ...change,
});

const workers = {
  index: 7,
  items: [{ name: "rig1" }, { name: "rig2" }],
  next_after: null,
};

/** The tab of somebody whose session is open, over a node that carries out what it is sent. */
export function showOwned({
  settings = settingsOf(),
  answers = {},
  left_ms = HALF_AN_HOUR_MS,
}: {
  settings?: MinerSettings;
  answers?: Answers;
  left_ms?: number;
} = {}) {
  const kept = { settings };
  const asked = serve({
    "/api/v1/": 404,
    [`${OF_OWNED}/workers`]: workers,
    [`GET ${OF_OWNED}/settings`]: () => kept.settings,
    [`PATCH ${OF_OWNED}/settings`]: ({ body }: Asked) => {
      kept.settings = { ...kept.settings, ...(body as Partial<MinerSettings>) };
      return kept.settings;
    },
    ...answers,
  });
  beginSession(OWNED, { secret: SECRET, ends_at_ms: Date.now() + left_ms });
  const view = renderPage(<SettingsTab address={OWNED} />);
  const changes = () => asked.filter(({ method }) => method !== "GET");
  return { ...view, asked, changes, kept, heading: () => screen.findByText("Smallest payout") };
}

/** One section of the tab, by its heading: asking by role is slow on a page of this size. */
export async function sectionOf(title: string) {
  const heading = await screen.findByText(title, { selector: "h2" });
  return within(heading.closest("section") as HTMLElement);
}
