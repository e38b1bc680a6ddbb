import { QrCode as QrIcon } from "lucide-react";
import { useState } from "react";
import { qr } from "@/lib/messages";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { QrCode } from "./qr";

/** A page's address for a phone's camera. */
export function PageQr({ url, label = qr.show }: { url: string; label?: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <QrIcon size={16} aria-hidden /> {label}
      </Button>
      <Dialog open={isOpen} onClose={() => setOpen(false)} title={qr.title}>
        <div className="mx-auto max-w-64 pb-3">
          <QrCode text={url} label={qr.show} />
        </div>
      </Dialog>
    </>
  );
}
