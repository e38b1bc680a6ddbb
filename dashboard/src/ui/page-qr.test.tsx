import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { PageQr } from "./page-qr";

test("the code stands in a dialog, and another address is another code", () => {
  const draw = (url: string) => {
    const { unmount } = render(<PageQr url={url} label="On your phone" />);
    expect(screen.queryByRole("img")).toBeNull();
    fireEvent.click(screen.getByRole("button", { name: "On your phone" }));
    const [, path] = screen.getByRole("img", { name: "Show as QR code" }).children;
    const drawn = path?.getAttribute("d") ?? "";
    unmount();
    return drawn;
  };
  const one = draw("https://pool.example/start");
  expect(one.length).toBeGreaterThan(500);
  expect(draw("https://pool.example/start?address=xel")).not.toBe(one);
});
