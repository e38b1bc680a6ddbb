// Where the pool says that more is to be found, and how its addresses begin.

import { useQuery } from "@tanstack/react-query";
import type { AddressPrefix } from "@/lib/address";
import { connectQuery } from "./queries";

export type Links = {
  prefix: AddressPrefix | undefined;
  contact: string | null;
  block: (hash: string) => string | null;
  transaction: (hash: string) => string | null;
};

/** Only web addresses are links; whatever else an operator has written is none. */
function webUrl(text: string | null | undefined): string | null {
  return text && /^https?:\/\//.test(text) ? text : null;
}

export function useLinks(): Links {
  const { data } = useQuery(connectQuery);
  const fill = (template: string | null | undefined) => (hash: string) =>
    webUrl(template)?.replace("{hash}", hash) ?? null;
  const prefix = data?.address_prefix;
  return {
    prefix: prefix === "xel" || prefix === "xet" ? prefix : undefined,
    contact: webUrl(data?.links.contact_url),
    block: fill(data?.links.explorer_block_url),
    transaction: fill(data?.links.explorer_transaction_url),
  };
}
