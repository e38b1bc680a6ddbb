import { type ReactNode, useId } from "react";

/** On or off, in force at once. While it is being changed it takes no other change. */
export function Switch({
  label,
  hint,
  error,
  isOn,
  isBusy,
  onChange,
}: {
  label: string;
  hint?: ReactNode;
  error?: ReactNode;
  isOn: boolean;
  isBusy: boolean;
  onChange: (isOn: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3">
      <input
        id={id}
        type="checkbox"
        role="switch"
        checked={isOn}
        aria-checked={isOn}
        aria-busy={isBusy}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        // Not disabled, which would take the focus away from whoever came by the keyboard.
        onChange={(event) => !isBusy && onChange(event.target.checked)}
        className="relative h-[26px] w-[46px] cursor-pointer appearance-none rounded-full border-2 border-muted bg-surface transition-colors before:absolute before:top-[3px] before:left-[3px] before:size-4 before:rounded-full before:bg-muted before:transition-transform checked:border-accent checked:bg-accent checked:before:translate-x-[20px] checked:before:bg-accent-ink aria-busy:opacity-60"
      />
      <label htmlFor={id} className="min-h-7 cursor-pointer self-center font-medium">
        {label}
      </label>
      {error ? (
        <p id={`${id}-note`} role="alert" className="col-start-2 text-sm text-bad">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="col-start-2 text-sm text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}
