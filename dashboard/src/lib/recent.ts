// The addresses that were looked at last, in this browser only.

import { useSyncExternalStore } from "react";
import { checkAddress } from "./address";
import { forget, remember, remembered } from "./storage";

const RECENT_MAX = 5;
const KEY = "addresses";

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

let addresses: string[] | null = null;
const listeners = new Set<() => void>();

function current(): string[] {
  addresses ??= (remembered(KEY, isTexts) ?? [])
    .filter((address) => checkAddress(address).ok)
    .slice(0, RECENT_MAX);
  return addresses;
}

function change(next: string[]): void {
  addresses = next;
  for (const listener of listeners) listener();
}

/** Puts an address to the front. */
export function rememberAddress(address: string): void {
  if (current()[0] === address) return;
  const others = current().filter((known) => known !== address);
  change([address, ...others].slice(0, RECENT_MAX));
  remember(KEY, current());
}

export function forgetAddresses(): void {
  change([]);
  forget(KEY);
}

export function useRecentAddresses(): string[] {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}
