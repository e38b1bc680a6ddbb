import { QrCode as QrIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { shortAddress } from "@/lib/address";
import { addresses, common, miner } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CopyButton } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { QrCode } from "@/ui/qr";

export function MinerHeader({ address }: { address: string }) {
  const [isOpen, setOpen] = useState(false);
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
      <Button onClick={() => setOpen(true)}>
        <QrIcon size={16} aria-hidden /> {miner.qr}
      </Button>
      <Dialog open={isOpen} onClose={() => setOpen(false)} title={miner.qrTitle}>
        <div className="mx-auto max-w-64 pb-3">
          <QrCode text={location.href} label={miner.qr} />
        </div>
      </Dialog>
    </header>
  );
}
