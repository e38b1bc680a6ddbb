import { type ReactNode, useId } from "react";
import { cx } from "@/ui/cx";

/** One thing that can be set: what it is about at the left, the control at the right. */
export function Section({
  title,
  text,
  wide = false,
  children,
}: {
  title: string;
  text?: ReactNode;
  /** Whether the control is a table, which needs all of the width. */
  wide?: boolean;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className={cx(
        "border-t border-line pt-5",
        wide ? "pb-1" : "px-5 pb-6 max-sm:px-4",
        !wide && "grid gap-x-12 gap-y-4 md:grid-cols-[minmax(0,20rem)_minmax(0,1fr)]",
      )}
    >
      <div className={cx(wide && "px-5 pb-3 max-sm:px-4")}>
        <h2 id={id} className="font-semibold">
          {title}
        </h2>
        {text && <p className="mt-0.5 max-w-prose text-sm text-muted">{text}</p>}
      </div>
      <div className="min-w-0">{children}</div>
    </section>
  );
}
