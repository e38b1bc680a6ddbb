import { type FormEvent, useEffect, useRef, useState } from "react";
import { setLabel } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { Button } from "@/ui/button";
import { cx } from "@/ui/cx";
import { TextField } from "@/ui/field";
import { type Change, useChange } from "./change";
import { ChangeNote } from "./change-note";
import { textWords } from "./text-words";

/** One worker and its label, which is edited in its place. */
export function LabelRow({
  address,
  worker,
  label,
}: {
  address: string;
  worker: string;
  label: string;
}) {
  const { labels } = words;
  const [isOpen, setOpen] = useState(false);
  const change = useChange(
    address,
    (text: string) => setLabel(address, worker, text),
    () => setOpen(false),
  );
  const edit = useFocusBack(isOpen);
  return (
    <tr>
      <td data-label={labels.columns.worker} data-headline>
        {worker}
      </td>
      <td data-label={labels.columns.label} className={cx("w-2/3", isOpen && "max-sm:!block")}>
        {isOpen ? (
          <Editor
            worker={worker}
            label={label}
            change={change}
            onCancel={() => {
              change.forget();
              setOpen(false);
            }}
          />
        ) : (
          <span className="inline-flex flex-wrap items-center gap-x-3">
            <span className={label ? "[overflow-wrap:anywhere]" : "text-muted"}>
              {label || labels.none}
            </span>
            <ChangeNote change={change} />
          </span>
        )}
      </td>
      <td data-align="right">
        {!isOpen && (
          <Button
            ref={edit}
            aria-label={labels.editNamed(worker)}
            className="min-h-9 max-sm:w-full"
            onClick={() => {
              change.forget();
              setOpen(true);
            }}
          >
            {labels.edit}
          </Button>
        )}
      </td>
    </tr>
  );
}

/** Whoever has edited goes on at the button that began it. */
function useFocusBack(isOpen: boolean) {
  const button = useRef<HTMLButtonElement>(null);
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !isOpen) button.current?.focus();
    was.current = isOpen;
  }, [isOpen]);
  return button;
}

function Editor({
  worker,
  label,
  change,
  onCancel,
}: {
  worker: string;
  label: string;
  change: Change<string>;
  onCancel: () => void;
}) {
  const [typed, setTyped] = useState(label);
  const problem = textWords(typed);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (problem === undefined) change.send(typed.trim());
  };
  return (
    <form onSubmit={submit} noValidate className="flex flex-wrap items-start gap-2 text-left">
      <div className="min-w-48 flex-1">
        <TextField
          label={words.labels.field(worker)}
          labelHidden
          // Whoever has asked to edit wants to write.
          autoFocus
          autoComplete="off"
          value={typed}
          error={problem ?? change.error}
          onChange={(event) => {
            setTyped(event.target.value);
            if (change.state !== "saving") change.forget();
          }}
          onKeyDown={(event) => event.key === "Escape" && onCancel()}
        />
      </div>
      <Button kind="primary" type="submit" aria-busy={change.state === "saving"}>
        {change.state === "saving" ? words.change.saving : words.change.save}
      </Button>
      <Button onClick={onCancel}>{words.change.cancel}</Button>
    </form>
  );
}
