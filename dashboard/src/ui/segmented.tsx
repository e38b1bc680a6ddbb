import { cx } from "./cx";

/** A few choices in a row, of which one holds: radio buttons in another dress. */
export function Segmented<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="flex rounded-lg border border-line bg-raised p-0.5">
      <legend className="sr-only">{label}</legend>
      {options.map(([option, words]) => (
        <label
          key={option}
          className={cx(
            "flex min-h-8 cursor-pointer items-center rounded-md px-2.5 text-[0.83rem] font-medium whitespace-nowrap",
            "has-focus-visible:outline-2 has-focus-visible:outline-accent max-sm:min-h-10",
            option === value
              ? "bg-surface text-ink shadow-[0_0_0_1px_var(--line-strong)]"
              : "text-muted hover:text-ink",
          )}
        >
          <input
            type="radio"
            className="sr-only"
            name={label}
            checked={option === value}
            onChange={() => onChange(option)}
          />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
