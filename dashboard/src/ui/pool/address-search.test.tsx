import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { renderPage } from "@/testing/render";
import { AddressSearch } from "./address-search";

const GOOD = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";

async function submit(text: string) {
  const page = renderPage(<AddressSearch prefix="xel" />);
  const field = await screen.findByLabelText("Find a miner by its address");
  fireEvent.change(field, { target: { value: text } });
  fireEvent.click(screen.getByRole("button", { name: /Show miner/ }));
  return { ...page, field };
}

test("a good address leads to its page", async () => {
  const { router } = await submit(`  ${GOOD} `);
  await waitFor(() =>
    expect(decodeURIComponent(router.state.location.pathname)).toBe(`/miner/${GOOD}`),
  );
});

test("a mistyped address is named before anything is sent", async () => {
  const { router, field } = await submit(GOOD.replace("vs3", "vs4"));
  expect((await screen.findByRole("alert")).textContent).toContain("checksum");
  expect(field.getAttribute("aria-invalid")).toBe("true");
  expect(router.state.location.pathname).toBe("/");
});

test("an address of another network is told apart", async () => {
  await submit("xet:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqt98v9u");
  expect((await screen.findByRole("alert")).textContent).toContain("another network");
});
