import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { sessionOf } from "@/api/session";
import { OF_OWNED, OWNED, SECRET, settingsOf, showOwned } from "@/testing/owner";
import { type Answers, problem, renderPage, serve } from "@/testing/render";
import SettingsTab from "./tab";

const TEXT = "Raftpool demo: I own the address xel:vs3mf… until 12:03, number 1a2b";
const SIGNATURE = "0123456789abcdef".repeat(8);
const MINUTE_MS = 60_000;

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function visit(answers: Answers = {}) {
  const expires_at_ms = Date.now() + 10 * MINUTE_MS;
  const asked = serve({
    "/api/v1/": 404,
    [`POST ${OF_OWNED}/challenge`]: { text: TEXT, expires_at_ms, index: 3 },
    [`POST ${OF_OWNED}/session`]: {
      session: SECRET,
      expires_at_ms: Date.now() + 30 * MINUTE_MS,
      index: 4,
    },
    [`GET ${OF_OWNED}/settings`]: settingsOf(),
    ...answers,
  });
  renderPage(<SettingsTab address={OWNED} />);
  return asked;
}

async function askAndPaste(signature: string) {
  fireEvent.click(await screen.findByRole("button", { name: "Get a text to sign" }));
  const field = await screen.findByLabelText("Signature");
  fireEvent.change(field, { target: { value: signature } });
  fireEvent.click(screen.getByRole("button", { name: "Open the settings" }));
  return field;
}

test("a signed text opens the settings, with the session in the header and nowhere else", async () => {
  const asked = visit();
  expect(await screen.findByText("Is this address yours?")).toBeTruthy();
  expect(asked.filter(({ path }) => path.endsWith("/settings"))).toEqual([]);
  await askAndPaste(`{"id":1,"result":"${SIGNATURE}"}`);
  expect(await screen.findByText("Smallest payout")).toBeTruthy();
  const proof = asked.find(({ path }) => path.endsWith("/session"));
  expect(proof).toMatchObject({ method: "POST", body: { text: TEXT, signature: SIGNATURE } });
  const read = asked.find(({ path }) => path.endsWith("/settings"));
  expect(read?.authorization).toBe(`Bearer ${SECRET}`);
  const elsewhere = asked.filter((one) => !one.path.startsWith(`${OF_OWNED}/settings`));
  expect(elsewhere.filter(({ authorization }) => authorization !== null)).toEqual([]);
  expect(JSON.stringify(asked.map(({ path, body }) => [path, body]))).not.toContain(SECRET);
  expect(JSON.stringify(localStorage)).not.toContain(SECRET);
});

test("the text and the command that signs it are there to be copied", async () => {
  visit();
  fireEvent.click(await screen.findByRole("button", { name: "Get a text to sign" }));
  expect(await screen.findByText(TEXT)).toBeTruthy();
  const command = screen.getByText(/^curl -u USER/).textContent;
  expect(command).toContain(`"method":"sign_data","params":"${TEXT}"`);
  expect(screen.getByRole("button", { name: /Copy/, description: "Copy the text" })).toBeTruthy();
  expect(screen.getByText(/within 10 minutes/)).toBeTruthy();
});

test.each([
  ["", "Paste the signature first."],
  ["nonsense", "A signature consists of the digits 0 to 9 and a to f."],
  ["abc", "A signature has 128 digits; this has 3."],
])("a signature of “%s” is refused before anything is sent", async (typed, words) => {
  const asked = visit();
  const field = await askAndPaste(typed);
  expect((await screen.findByRole("alert")).textContent).toBe(words);
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(asked.filter(({ path }) => path.endsWith("/session"))).toEqual([]);
});

test("a signature of another wallet is refused in the node's words, and opens nothing", async () => {
  visit({ [`POST ${OF_OWNED}/session`]: problem(401, "signature_wrong", "not of this address") });
  await askAndPaste(SIGNATURE);
  expect((await screen.findByRole("alert")).textContent).toContain("not of this address");
  expect(sessionOf(OWNED)).toBeNull();
});

test("an address without any share is told why it gets no text", async () => {
  visit({ [`POST ${OF_OWNED}/challenge`]: problem(404, "not_found", "no accepted share yet") });
  fireEvent.click(await screen.findByRole("button", { name: "Get a text to sign" }));
  expect((await screen.findByRole("alert")).textContent).toContain("no accepted share yet");
});

test("when the answer to the proof is lost, a new text is asked for", async () => {
  visit({ [`POST ${OF_OWNED}/session`]: () => Promise.reject(new TypeError("connection lost")) });
  await askAndPaste(SIGNATURE);
  expect((await screen.findByRole("alert")).textContent).toContain("Get a new one");
  expect(screen.getByRole("button", { name: "Get a new text" })).toBeTruthy();
});

test("the session lives through a reload of the tab, and is forgotten when its owner ends it", async () => {
  const { changes } = showOwned({
    answers: { [`DELETE ${OF_OWNED}/session`]: new Response(null, { status: 204 }) },
  });
  expect(await screen.findByText("The session ends in 30 minutes.")).toBeTruthy();
  expect(sessionStorage.getItem(`raftpool.session.${OWNED}`)).toContain(SECRET);
  fireEvent.click(screen.getByRole("button", { name: "End the session" }));
  expect(await screen.findByText("You have ended the session.")).toBeTruthy();
  expect(sessionStorage.getItem(`raftpool.session.${OWNED}`)).toBeNull();
  await waitFor(() => expect(changes()).toHaveLength(1));
  expect(changes()[0]).toMatchObject({ method: "DELETE", authorization: `Bearer ${SECRET}` });
});

test("a session that a node does not know is forgotten, with everything it had shown", async () => {
  const { queryClient } = showOwned({
    answers: { [`PATCH ${OF_OWNED}/settings`]: problem(401, "session_required", "over") },
  });
  fireEvent.click(await screen.findByLabelText("Hide this address from public lists"));
  expect(await screen.findByText(/does not know this session any more/)).toBeTruthy();
  expect(screen.queryByText("Smallest payout")).toBeNull();
  expect(queryClient.getQueryData(["ownership", OWNED])).toBeUndefined();
  expect(sessionStorage.getItem(`raftpool.session.${OWNED}`)).toBeNull();
});

test("a session ends by itself, with a word before to those who do not look", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const { heading } = showOwned({ left_ms: 61_000 });
  await heading();
  expect(screen.getByText("The session ends in 2 minutes.")).toBeTruthy();
  await act(() => vi.advanceTimersByTimeAsync(30_000));
  expect(screen.getAllByText("The session ends in less than a minute.")).toHaveLength(2);
  await act(() => vi.advanceTimersByTimeAsync(32_000));
  expect(screen.getByText("The session is over. Sign once more to go on.")).toBeTruthy();
  expect(sessionOf(OWNED)).toBeNull();
});
