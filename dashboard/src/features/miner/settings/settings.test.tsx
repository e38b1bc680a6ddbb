import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { OF_OWNED, OWNED, SECRET, sectionOf, settingsOf, showOwned } from "@/testing/owner";
import { problem } from "@/testing/render";

afterEach(() => vi.unstubAllGlobals());

const lost = () => Promise.reject(new TypeError("connection lost"));

test("a threshold is sent in atomic units, once, with the session", async () => {
  const { changes } = showOwned();
  const threshold = await sectionOf("Smallest payout");
  const field = threshold.getByLabelText("Pay me from, in XEL");
  expect(field).toHaveProperty("value", "0.5");
  fireEvent.change(field, { target: { value: "2,5" } });
  fireEvent.click(threshold.getByRole("button", { name: "Save" }));
  expect(await threshold.findByText(/In force: 2\.50 XEL, your own choice/)).toBeTruthy();
  expect(threshold.getByText("Saved.")).toBeTruthy();
  expect(changes()).toEqual([
    {
      method: "PATCH",
      path: `${OF_OWNED}/settings`,
      body: { payout_threshold_atomic: "250000000" },
      authorization: `Bearer ${SECRET}`,
    },
  ]);
  fireEvent.click(threshold.getByRole("button", { name: "Use the pool’s" }));
  expect(await threshold.findByText(/In force: 0\.50 XEL, the pool’s minimum/)).toBeTruthy();
  expect(changes()[1]?.body).toEqual({ payout_threshold_atomic: null });
});

test.each([
  ["0.4", /Not below the pool’s minimum of 0\.50 XEL/],
  ["much", /An amount such as 2\.5/],
  ["", /An amount such as 2\.5/],
])("a threshold of “%s” is refused beside its field", async (typed, words) => {
  const { changes } = showOwned();
  const threshold = await sectionOf("Smallest payout");
  const field = threshold.getByLabelText("Pay me from, in XEL");
  fireEvent.change(field, { target: { value: typed } });
  expect(threshold.getByRole("alert").textContent).toMatch(words);
  fireEvent.submit(field);
  expect(changes()).toEqual([]);
});

test("a refusal stands beside the field in the node's words, and what was typed stays", async () => {
  showOwned({
    answers: { [`PATCH ${OF_OWNED}/settings`]: problem(409, "refused", "above what is allowed") },
  });
  const threshold = await sectionOf("Smallest payout");
  const field = threshold.getByLabelText("Pay me from, in XEL");
  fireEvent.change(field, { target: { value: "9999" } });
  fireEvent.click(threshold.getByRole("button", { name: "Save" }));
  expect((await threshold.findByRole("alert")).textContent).toContain("above what is allowed");
  expect(field).toHaveProperty("value", "9999");
});

test("what the network takes is told from the newest payout that cost something", async () => {
  const payout = (fee_atomic: string | null) => ({ fee_atomic, payees: 4 });
  showOwned({
    answers: {
      "/api/v1/pool": { settings: { network_fee_payer: "miners", schemes: [] } },
      "/api/v1/payouts": { items: [payout(null), payout("2000000")], next_before: null },
    },
  });
  const threshold = await sectionOf("Smallest payout");
  expect(await threshold.findByText(/takes about 1\.0% of such a payout/)).toBeTruthy();
  const field = threshold.getByLabelText("Pay me from, in XEL");
  fireEvent.change(field, { target: { value: "5" } });
  expect(threshold.getByText(/takes about 0\.10% of such a payout/)).toBeTruthy();
});

test("without a payout to go by, nothing is said about the network's fee", async () => {
  showOwned();
  const threshold = await sectionOf("Smallest payout");
  expect(threshold.queryByText(/network’s fee takes/)).toBeNull();
});

test("a change whose answer is lost is sent once, read again, and told as unknown", async () => {
  const { asked, changes } = showOwned({ answers: { [`PATCH ${OF_OWNED}/settings`]: lost } });
  const threshold = await sectionOf("Smallest payout");
  const field = threshold.getByLabelText("Pay me from, in XEL");
  const reads = () => asked.filter((one) => one.method === "GET" && /settings$/.test(one.path));
  const before = reads().length;
  fireEvent.change(field, { target: { value: "3" } });
  fireEvent.click(threshold.getByRole("button", { name: "Save" }));
  const note = await threshold.findByText(/nobody can say whether this was stored/);
  expect(note.textContent).toContain("The settings were read again");
  expect(changes()).toHaveLength(1);
  expect(reads().length).toBe(before + 1);
  // What is shown is what was read.
  expect(field).toHaveProperty("value", "0.5");
});

test("an unknown outcome that had been stored shows what holds", async () => {
  const stored = settingsOf({ is_hidden: true });
  const { kept } = showOwned({
    answers: {
      [`PATCH ${OF_OWNED}/settings`]: () => {
        kept.settings = stored;
        return problem(503, "outcome_unknown", "no majority answered in time");
      },
    },
  });
  const toggle = await screen.findByLabelText("Hide this address from public lists");
  fireEvent.click(toggle);
  expect(await screen.findByText(/nobody can say whether this was stored/)).toBeTruthy();
  expect(toggle).toHaveProperty("checked", true);
});

test("a node too busy to take a change has not made it, and says so", async () => {
  showOwned({ answers: { [`PATCH ${OF_OWNED}/settings`]: problem(503, "busy", "try later") } });
  const toggle = await screen.findByLabelText("Hide this address from public lists");
  fireEvent.click(toggle);
  expect((await screen.findByRole("alert")).textContent).toContain("try later");
  expect(toggle).toHaveProperty("checked", false);
});

test("a scheme of one's own is chosen among those offered, and given up again", async () => {
  const { changes } = showOwned({ settings: settingsOf({ scheme: "solo" }) });
  const scheme = await sectionOf("How you are paid");
  expect(scheme.getAllByRole("radio")).toHaveLength(3);
  expect(scheme.getByLabelText("Solo")).toHaveProperty("checked", true);
  expect(scheme.getByRole("button", { name: "Save" })).toHaveProperty("disabled", true);
  fireEvent.click(scheme.getByLabelText("As the port or password says"));
  fireEvent.click(scheme.getByRole("button", { name: "Save" }));
  expect(await scheme.findByText("Saved.")).toBeTruthy();
  expect(changes().map(({ body }) => body)).toEqual([{ scheme: null }]);
});

test("hiding says what stays public", async () => {
  const { changes } = showOwned();
  const hidden = await sectionOf("Public lists");
  expect(hidden.getByText(/What stays public: the proofs/)).toBeTruthy();
  const toggle = hidden.getByRole("switch");
  fireEvent.click(toggle);
  expect(await hidden.findByText("Saved.")).toBeTruthy();
  expect(toggle).toHaveProperty("checked", true);
  expect(changes().map(({ body }) => body)).toEqual([{ is_hidden: true }]);
});

test("requiring a token without one asks first", async () => {
  const { changes } = showOwned();
  const required = await sectionOf("Who may mine to it");
  expect(required.getByText(/There is no token in force/)).toBeTruthy();
  fireEvent.click(required.getByRole("switch"));
  const dialog = within(await screen.findByRole("dialog"));
  fireEvent.click(dialog.getByRole("button", { name: "Cancel" }));
  expect(changes()).toEqual([]);
  fireEvent.click(required.getByRole("switch"));
  fireEvent.click(await screen.findByRole("button", { name: "Require it all the same" }));
  await waitFor(() =>
    expect(changes().map(({ body }) => body)).toEqual([{ is_token_required: true }]),
  );
});

test("a read that fails keeps what is shown; one that never worked can be tried again", async () => {
  const { heading, queryClient } = showOwned({
    answers: { [`GET ${OF_OWNED}/settings`]: 500 },
  });
  fireEvent.click(await screen.findByRole("button", { name: "Try again" }));
  expect(screen.queryByText("Smallest payout")).toBeNull();
  queryClient.setQueryData(["ownership", OWNED], settingsOf());
  await heading();
  await queryClient.refetchQueries({ queryKey: ["ownership", OWNED] });
  expect(await screen.findByText(/the newest could not be loaded/)).toBeTruthy();
  expect(screen.getByText("Smallest payout")).toBeTruthy();
});
