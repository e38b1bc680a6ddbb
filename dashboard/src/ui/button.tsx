import type { ButtonHTMLAttributes, ComponentProps } from "react";
import { cx } from "./cx";

type Kind = "primary" | "plain" | "quiet";

/** The look of a button, for links that are one as well. */
export function buttonClass(kind: Kind = "plain", extra?: string): string {
  return cx(
    "inline-flex min-h-10 items-center justify-center gap-2 rounded-lg px-3.5 text-sm font-medium",
    "transition-colors disabled:opacity-55 disabled:cursor-not-allowed whitespace-nowrap",
    kind === "primary" && "bg-accent text-accent-ink hover:opacity-90",
    kind === "plain" && "border border-line-strong bg-surface hover:bg-raised",
    kind === "quiet" && "text-muted hover:bg-raised hover:text-ink",
    extra,
  );
}

export function Button({
  kind = "plain",
  className,
  type = "button",
  ...rest
}: ComponentProps<"button"> & { kind?: Kind }) {
  return <button type={type} className={buttonClass(kind, className)} {...rest} />;
}

/** A button that is only an icon; its name is for those who do not see it. */
export function IconButton({
  label,
  className,
  children,
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={cx(
        "inline-grid size-9 shrink-0 place-items-center rounded-lg text-muted hover:bg-raised hover:text-ink",
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  );
}
