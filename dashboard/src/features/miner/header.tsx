import { useEffect } from "react";
import { shortAddress } from "@/lib/address";
import { addresses, common, miner } from "@/lib/messages";
import { CopyButton } from "@/ui/copy";
import { PageQr } from "@/ui/page-qr";

export function MinerHeader({ address }: { address: string }) {
  const short = shortAddress(address);
  useEffect(() => {
    document.title = `${short} · ${common.poolName}`;
    return () => {
      document.title = common.poolName;
    };
  }, [short]);
  return (
    <header className="flex flex-wrap items-center justify-between gap-3">
      <h1 className="flex min-w-0 items-center gap-2">
        <span className="sr-only">{miner.title("")}</span>
        <span
          title={address}
          className="min-w-0 font-mono text-[1.1rem] font-semibold max-md:hidden"
        >
          {address}
        </span>
        <span
          title={address}
          aria-hidden
          className="font-mono text-[1.15rem] font-semibold md:hidden"
        >
          {short}
        </span>
        <CopyButton text={address} label={addresses.copy} />
      </h1>
      <PageQr url={location.href} />
    </header>
  );
}
