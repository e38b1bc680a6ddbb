// Where the pool says that more is to be found: explorers, and the prefix of its addresses.

import { useQuery } from "@tanstack/react-query";
import type { AddressPrefix } from "@/lib/address";
import { poolQuery } from "./queries";

export type Links = {
  prefix: AddressPrefix | undefined;
  block: (hash: string) => string | null;
  transaction: (hash: string) => string | null;
};

const none = () => null;

export function useLinks(): Links {
  const { data } = useQuery(poolQuery);
  const network = data?.settings?.network;
  return {
    prefix: network === undefined ? undefined : network === "mainnet" ? "xel" : "xet",
    block: none,
    transaction: none,
  };
}
