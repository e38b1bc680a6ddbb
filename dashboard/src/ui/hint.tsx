import { Info } from "lucide-react";
import { Popover } from "radix-ui";
import type { ReactNode } from "react";
import { common } from "@/lib/messages";

/** A definition beside a number: opens by click, touch or key, because hovering is not for all. */
export function Hint({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Popover.Root>
      <Popover.Trigger
        aria-label={common.whatIs(name)}
        className="-m-1.5 inline-grid size-7 shrink-0 place-items-center rounded-full text-muted hover:text-ink"
      >
        <Info size={13} aria-hidden />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          sideOffset={4}
          collisionPadding={12}
          className="z-50 max-w-72 rounded-lg border border-line-strong bg-surface px-3.5 py-3 text-sm leading-relaxed shadow-lg"
        >
          {children}
          <Popover.Arrow className="fill-line-strong" />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
