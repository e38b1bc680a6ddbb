import { Hint } from "./hint";

export type Column = {
  name: string;
  /** Whether it holds numbers, which stand at the right. */
  isNumber?: boolean;
  hint?: string;
};

/** The head of a table whose rows are cards on a phone. */
export function TableHead({ columns }: { columns: readonly Column[] }) {
  return (
    <thead>
      <tr>
        {columns.map(({ name, isNumber, hint }) => (
          <th key={name} scope="col" data-align={isNumber ? "right" : undefined}>
            {hint ? (
              <span className="inline-flex items-center gap-1">
                {name} <Hint name={name}>{hint}</Hint>
              </span>
            ) : (
              name
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}
