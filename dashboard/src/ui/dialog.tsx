import { X } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { common } from "@/lib/messages";
import { IconButton } from "./button";

/** The browser's own modal dialog: it keeps the focus, closes by Escape, and needs no styles of its own. */
export function Dialog({
  open,
  onClose,
  title,
  children,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it by itself.
    <dialog
      ref={element}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === element.current && onClose()}
      className="m-auto w-[min(26rem,calc(100vw-2rem))] rounded-xl border border-line-strong bg-surface p-0 text-ink backdrop:bg-[#0008] max-sm:mb-0 max-sm:w-full max-sm:max-w-full max-sm:rounded-b-none"
    >
      {open && (
        <div className="p-5">
          <header className="mb-3 flex items-center justify-between">
            <h2 className="font-semibold">{title}</h2>
            <IconButton label={common.close} onClick={onClose}>
              <X size={18} aria-hidden />
            </IconButton>
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
