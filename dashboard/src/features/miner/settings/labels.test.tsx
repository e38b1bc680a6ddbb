import { fireEvent, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { OF_OWNED, sectionOf, settingsOf, showOwned } from "@/testing/owner";
import { type Asked, problem } from "@/testing/render";

afterEach(() => vi.unstubAllGlobals());

const section = () => sectionOf("Names for workers");
const LABEL_OF_RIG1 = `${OF_OWNED}/workers/rig1/label`;

function shown(settings = settingsOf()) {
  const view = showOwned({
    settings,
    answers: {
      [`PUT ${LABEL_OF_RIG1}`]: ({ body }: Asked) => {
        const { label } = body as { label: string };
        const labels = label === "" ? [] : [{ worker: "rig1", label }];
        view.kept.settings = settingsOf({ labels });
        return view.kept.settings;
      },
    },
  });
  return view;
}

async function edit(text: string) {
  const labels = await section();
  fireEvent.click(await labels.findByRole("button", { name: "Edit the label of rig1" }));
  const field = labels.getByLabelText("Label of rig1");
  expect(document.activeElement).toBe(field);
  fireEvent.change(field, { target: { value: text } });
  return { labels, field };
}

test("a label is written in its place, and the focus returns to where it was begun", async () => {
  const { changes } = shown();
  const { labels, field } = await edit(" Cellar, left ");
  fireEvent.submit(field);
  expect(await labels.findByText("Cellar, left")).toBeTruthy();
  const button = labels.getByRole("button", { name: "Edit the label of rig1" });
  expect(document.activeElement).toBe(button);
  expect(changes()).toMatchObject([
    { method: "PUT", path: LABEL_OF_RIG1, body: { label: "Cellar, left" } },
  ]);
});

test("an empty text takes a label away", async () => {
  shown(settingsOf({ labels: [{ worker: "rig1", label: "Cellar" }] }));
  const { labels, field } = await edit("");
  fireEvent.submit(field);
  await waitFor(() => expect(labels.getAllByText("none")).toHaveLength(2));
  expect(labels.queryByText("Cellar")).toBeNull();
});

test("Escape leaves a label as it was", async () => {
  const { changes } = shown();
  const { labels, field } = await edit("never mind");
  fireEvent.keyDown(field, { key: "Escape" });
  expect(labels.queryByLabelText("Label of rig1")).toBeNull();
  expect(changes()).toEqual([]);
});

test("a label that is too long is refused beside its field, and not sent", async () => {
  const { changes } = shown();
  const { labels, field } = await edit("x".repeat(65));
  expect(labels.getByRole("alert").textContent).toBe("64 bytes at most; this takes 65.");
  fireEvent.submit(field);
  expect(changes()).toEqual([]);
});

test("a refused label stays in its field, with the node's words", async () => {
  showOwned({ answers: { [`PUT ${LABEL_OF_RIG1}`]: problem(400, "refused", "too many labels") } });
  const { labels, field } = await edit("Cellar");
  fireEvent.submit(field);
  expect((await labels.findByRole("alert")).textContent).toContain("too many labels");
  expect(field).toHaveProperty("value", "Cellar");
});

test("a label of a worker that mines no more can still be taken away", async () => {
  showOwned({ settings: settingsOf({ labels: [{ worker: "old", label: "Attic" }] }) });
  const labels = await section();
  expect(await labels.findByText("Attic")).toBeTruthy();
  expect(labels.getByRole("button", { name: "Edit the label of old" })).toBeTruthy();
});
