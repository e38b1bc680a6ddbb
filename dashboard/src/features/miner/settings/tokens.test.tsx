import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import type { NewToken, OwnToken } from "@/api/ownership";
import { endSession } from "@/api/session";
import { OF_OWNED, OWNED, sectionOf, settingsOf, showOwned } from "@/testing/owner";
import { type Asked, problem } from "@/testing/render";

const MADE = "rpt_Ab3dEf6hIj9kLm2nOp5qRs8tUv1w";

afterEach(() => vi.unstubAllGlobals());

const token = (change: Partial<OwnToken> = {}): OwnToken => ({
  id: "00112233445566aa",
  label: "garage",
  ending: "x7Kq",
  worker: null,
  made_at_ms: Date.now() - 3_600_000,
  expires_at_ms: null,
  ...change,
});

const section = () => sectionOf("Tokens");

async function make(fields: Record<string, string>) {
  const tokens = await section();
  for (const [label, value] of Object.entries(fields)) {
    fireEvent.change(tokens.getByLabelText(label), { target: { value } });
  }
  fireEvent.click(tokens.getByRole("button", { name: "Make the token" }));
  return tokens;
}

/** A node that makes tokens. */
function shown() {
  const view = showOwned({
    answers: {
      [`POST ${OF_OWNED}/tokens`]: ({ body }: Asked) => {
        const made = token({ ...(body as NewToken), ending: MADE.slice(-4) });
        view.kept.settings = { ...view.kept.settings, tokens: [made] };
        return { token: MADE, id: made.id, index: 8 };
      },
    },
  });
  return view;
}

test("a token that is made is shown once, as a password and for the official miner", async () => {
  const { changes } = shown();
  const tokens = await section();
  expect(tokens.getByText("No token yet")).toBeTruthy();
  await make({ "What it is for": " garage ", "Only for the worker": "rig1" });
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText(MADE)).toBeTruthy();
  expect(dialog.getByText(`'rig1?token=${MADE}'`)).toBeTruthy();
  expect(changes().map(({ body }) => body)).toEqual([
    { label: "garage", worker: "rig1", expires_at_ms: null },
  ]);
  fireEvent.click(dialog.getByRole("button", { name: "I have copied it" }));
  expect(screen.queryByText(MADE)).toBeNull();
  const rows = await tokens.findAllByRole("row");
  expect(rows[1]?.textContent).toContain("…Uv1w");
  expect(rows[1]?.textContent).toContain("rig1");
});

test("a token outlives the session on the page until it is copied", async () => {
  shown();
  await make({ "What it is for": "garage" });
  await screen.findByText(MADE);
  endSession(OWNED, "expired");
  await screen.findByText("The session is over. Sign once more to go on.");
  expect(screen.getByText(MADE)).toBeTruthy();
});

test("a token with an end is asked for with its time", async () => {
  const { changes } = shown();
  await make({ Lasts: "month" });
  await waitFor(() => expect(changes()).toHaveLength(1));
  const asked = changes()[0]?.body as NewToken | undefined;
  expect(((asked?.expires_at_ms ?? 0) - Date.now()) / 86_400_000).toBeCloseTo(30, 3);
});

test.each([
  ["What it is for", "ä".repeat(33), "64 bytes at most; this takes 66."],
  ["Only for the worker", "rig 1", "Letters, digits and - _ . : @, up to 32."],
])("a token with a bad “%s” is not sent", async (label, value, words) => {
  const { changes } = shown();
  const tokens = await make({ [label]: value });
  expect(tokens.getByRole("alert").textContent).toBe(words);
  expect(changes()).toEqual([]);
});

test("a token is revoked after a question, and nothing happens before", async () => {
  const view = showOwned({
    settings: settingsOf({ tokens: [token()] }),
    answers: {
      [`DELETE ${OF_OWNED}/tokens/`]: () => {
        view.kept.settings = settingsOf();
        return new Response(null, { status: 204 });
      },
    },
  });
  const tokens = await section();
  fireEvent.click(tokens.getByRole("button", { name: "Revoke the token “garage”" }));
  const dialog = within(await screen.findByRole("dialog"));
  expect(dialog.getByText(/Whoever mines with “garage” is disconnected/)).toBeTruthy();
  expect(view.changes()).toEqual([]);
  fireEvent.click(dialog.getByRole("button", { name: "Revoke" }));
  expect(await tokens.findByText("No token yet")).toBeTruthy();
  expect(view.changes().map(({ method, path }) => [method, path])).toEqual([
    ["DELETE", `${OF_OWNED}/tokens/00112233445566aa`],
  ]);
});

test("a token that may have been made says what to do about it", async () => {
  showOwned({
    answers: { [`POST ${OF_OWNED}/tokens`]: problem(503, "outcome_unknown", "no answer in time") },
  });
  const tokens = await make({ "What it is for": "garage" });
  expect(await tokens.findByText(/If a new one is in the list, revoke it/)).toBeTruthy();
});

test("a refused token says why, and what was typed stays", async () => {
  showOwned({
    answers: { [`POST ${OF_OWNED}/tokens`]: problem(409, "refused", "32 tokens at most") },
  });
  const tokens = await make({ "What it is for": "garage" });
  expect((await tokens.findByRole("alert")).textContent).toContain("32 tokens at most");
  expect(tokens.getByLabelText("What it is for")).toHaveProperty("value", "garage");
});

test("an expired token is told as such, and does not count as one", async () => {
  showOwned({ settings: settingsOf({ tokens: [token({ expires_at_ms: Date.now() - 1 })] }) });
  const tokens = await section();
  expect(tokens.getByText("Expired")).toBeTruthy();
  expect(screen.getByText(/There is no token in force/)).toBeTruthy();
});
