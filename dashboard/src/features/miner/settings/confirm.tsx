import type { ReactNode } from "react";
import { settings as words } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";

/** Asks before something that takes others or oneself off the pool. */
export function Confirm({
  isOpen,
  title,
  act,
  children,
  onClose,
  onConfirm,
}: {
  isOpen: boolean;
  title: string;
  /** What the button says that does it. */
  act: string;
  children: ReactNode;
  onClose: () => void;
  onConfirm: () => void;
}) {
  return (
    <Dialog open={isOpen} onClose={onClose} title={title}>
      <p>{children}</p>
      <div className="mt-4 flex flex-wrap justify-end gap-2">
        <Button onClick={onClose}>{words.change.cancel}</Button>
        <Button
          kind="primary"
          onClick={() => {
            onClose();
            onConfirm();
          }}
        >
          {act}
        </Button>
      </div>
    </Dialog>
  );
}
