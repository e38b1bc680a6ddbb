import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from "react";
import { cx } from "./cx";

const BOX =
  "min-h-10 w-full min-w-0 rounded-lg border bg-surface px-3 text-[0.95rem] placeholder:text-muted disabled:opacity-60";

type Common = { label: string; hint?: ReactNode; error?: ReactNode; labelHidden?: boolean };

function Frame({
  id,
  label,
  hint,
  error,
  labelHidden,
  children,
}: Common & { id: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <label
        htmlFor={id}
        className={cx("mb-1 block text-sm font-medium", labelHidden && "sr-only")}
      >
        {label}
      </label>
      {children}
      {error ? (
        <p id={`${id}-note`} role="alert" className="mt-1 text-sm text-bad">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="mt-1 text-sm text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}

/** A line of text with its label, and what is wrong with it right below. */
export function TextField({
  label,
  hint,
  error,
  labelHidden = false,
  className,
  ...rest
}: Common & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error} labelHidden={labelHidden}>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={cx(BOX, error ? "border-bad" : "border-line-strong", className)}
        {...rest}
      />
    </Frame>
  );
}

/** A choice among many: the browser's own list, which every device knows best. */
export function SelectField({
  label,
  hint,
  labelHidden = false,
  children,
  className,
  ...rest
}: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} labelHidden={labelHidden}>
      <select
        id={id}
        aria-describedby={hint ? `${id}-note` : undefined}
        className={cx(BOX, "border-line-strong pr-8", className)}
        {...rest}
      >
        {children}
      </select>
    </Frame>
  );
}
