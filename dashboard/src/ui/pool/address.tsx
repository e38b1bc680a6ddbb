import { Link } from "@tanstack/react-router";
import { shortAddress } from "@/lib/address";
import { addresses } from "@/lib/messages";
import { CopyButton } from "../copy";

/** A miner's address, short, leading to its page. */
export function AddressLink({ address }: { address: string }) {
  return (
    <Link
      to="/miner/$address"
      params={{ address }}
      title={address}
      className="font-mono text-[0.86rem] hover:text-accent hover:underline"
    >
      {shortAddress(address)}
    </Link>
  );
}

/** An address with a button that copies all of it. */
export function Address({ address }: { address: string }) {
  return (
    <span className="inline-flex min-w-0 items-center gap-1">
      <span title={address} className="truncate font-mono text-[0.92rem]">
        {shortAddress(address)}
      </span>
      <CopyButton text={address} label={addresses.copy} />
    </span>
  );
}
