import { Ban, CircleAlert, CircleCheck, CircleDashed, CircleX, Hourglass } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./cx";

export type Tone = "good" | "busy" | "warn" | "bad" | "off" | "none";

const LOOK = {
  good: { icon: CircleCheck, className: "text-accent" },
  busy: { icon: Hourglass, className: "text-muted" },
  warn: { icon: CircleAlert, className: "text-warn" },
  bad: { icon: CircleX, className: "text-bad" },
  off: { icon: Ban, className: "text-muted" },
  none: { icon: CircleDashed, className: "text-muted" },
};

/** A state by word, icon and colour, so that none of them alone has to be seen. */
export function State({
  tone,
  children,
  className,
}: {
  tone: Tone;
  children: ReactNode;
  className?: string;
}) {
  const { icon: Icon, className: colour } = LOOK[tone];
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1.5 whitespace-nowrap font-medium",
        colour,
        className,
      )}
    >
      <Icon size={15} aria-hidden className="shrink-0" />
      {children}
    </span>
  );
}

/** A small label that is no state. */
export function Tag({ children }: { children: ReactNode }) {
  return (
    <span className="inline-block rounded-md border border-line px-1.5 py-0.5 text-[0.78rem] leading-4 text-muted whitespace-nowrap">
      {children}
    </span>
  );
}
