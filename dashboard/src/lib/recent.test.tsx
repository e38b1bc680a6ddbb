import { beforeEach, expect, test, vi } from "vitest";
import vectors from "../../../node/chain/testdata/addresses.json";

const address = (index: number) => vectors.valid[index]?.address ?? "";

beforeEach(() => {
  localStorage.clear();
  vi.resetModules();
});

async function freshly() {
  const { renderHook, act } = await import("@testing-library/react");
  const recent = await import("./recent");
  const hook = renderHook(() => recent.useRecentAddresses());
  return { ...recent, act, shown: () => hook.result.current };
}

test("five addresses are kept, the newest first and none twice", async () => {
  const { act, rememberAddress, shown } = await freshly();
  act(() => {
    for (const index of [0, 1, 2, 3, 5, 6, 0]) rememberAddress(address(index));
  });
  expect(shown()).toEqual([0, 6, 5, 3, 2].map(address));
  expect(JSON.parse(localStorage.getItem("raftpool.addresses") ?? "")).toEqual(shown());
});

test("they can be cleared", async () => {
  const { act, rememberAddress, forgetAddresses, shown } = await freshly();
  act(() => rememberAddress(address(0)));
  act(() => forgetAddresses());
  expect(shown()).toEqual([]);
  expect(localStorage.getItem("raftpool.addresses")).toBeNull();
});

test("what somebody else wrote into the storage is not shown", async () => {
  localStorage.setItem("raftpool.addresses", '["<script>", 5]');
  expect((await freshly()).shown()).toEqual([]);
  localStorage.setItem("raftpool.addresses", "not json");
  vi.resetModules();
  expect((await freshly()).shown()).toEqual([]);
});
