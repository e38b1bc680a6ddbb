import { expect, test } from "vitest";
import vectors from "../../../node/chain/testdata/addresses.json";
import { type AddressPrefix, checkAddress, shortAddress } from "./address";

test("every address of the vectors is accepted on its own network only", () => {
  for (const { address, hrp } of vectors.valid) {
    const other = hrp === "xel" ? "xet" : "xel";
    expect(checkAddress(address, hrp as AddressPrefix), address).toMatchObject({ ok: true });
    expect(checkAddress(address, other), address).toEqual({ ok: false, problem: "wrong_network" });
  }
  expect(vectors.valid.length).toBeGreaterThan(5);
});

test("every invalid text of the vectors is refused, but for blanks around an address", () => {
  for (const { address, why } of vectors.invalid) {
    const is_blank = address.trim() !== address;
    expect(checkAddress(address).ok, why).toBe(is_blank);
  }
});

test("integrated addresses are refused by name", () => {
  for (const { address } of vectors.integrated) {
    expect(checkAddress(address)).toEqual({ ok: false, problem: "integrated" });
  }
});

test("what was mistyped is told from what is of another network", () => {
  const address = vectors.valid[0]?.address ?? "";
  expect(checkAddress(address.slice(0, -1))).toEqual({ ok: false, problem: "mistyped" });
  expect(checkAddress(address.toUpperCase())).toEqual({ ok: false, problem: "upper_case" });
  expect(checkAddress(address.slice(4))).toEqual({ ok: false, problem: "no_prefix" });
  expect(checkAddress("   ")).toEqual({ ok: false, problem: "empty" });
});

test("a short address keeps both ends", () => {
  const address = "xel:vs3mfyywt0fjys0rgslue7mm4wr23xdgejsjk0ld7f2kxng4d4nqqnkdufz";
  expect(shortAddress(address)).toBe("xel:vs3mfy…nkdufz");
});
