import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { common } from "@/lib/messages";
import { cx } from "./cx";

const SHOWN_MS = 2_000;

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without a secure context there is no clipboard: fall back to the old way.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}

/** Copies a text and says so, in the button and to screen readers. */
export function CopyButton({
  text,
  label,
  className,
  wordy = false,
}: {
  text: string;
  label: string;
  className?: string;
  wordy?: boolean;
}) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const words = state === "copied" ? common.copied : state === "failed" ? common.copyFailed : label;
  return (
    <button
      type="button"
      aria-label={wordy ? undefined : words}
      title={label}
      onClick={async () => setState((await copyText(text)) ? "copied" : "failed")}
      className={cx(
        "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md text-muted hover:text-ink",
        wordy
          ? "min-h-9 border border-line-strong bg-surface px-3 text-sm font-medium text-ink hover:bg-raised"
          : "size-8 hover:bg-raised",
        className,
      )}
    >
      {state === "copied" ? (
        <Check size={15} className="text-accent" aria-hidden />
      ) : (
        <Copy size={15} aria-hidden />
      )}
      {wordy && <span>{state === "idle" ? common.copy : words}</span>}
      <span role="status" className="sr-only">
        {state === "copied" ? common.copied : ""}
      </span>
    </button>
  );
}

/** A command or an address on a line of its own, with a button that copies it. */
export function CopyLine({
  text,
  label,
  wrap = false,
}: {
  text: string;
  label: string;
  wrap?: boolean;
}) {
  return (
    <div
      className={cx(
        "flex gap-2 rounded-lg border border-line bg-raised py-1.5 pr-1.5 pl-3",
        wrap ? "items-start" : "items-center",
      )}
    >
      <code
        tabIndex={wrap ? undefined : 0}
        className={cx(
          "min-w-0 flex-1 font-mono text-[0.84rem]",
          wrap
            ? "[overflow-wrap:anywhere] py-1 leading-relaxed"
            : "overflow-x-auto whitespace-nowrap py-1 [scrollbar-width:thin]",
        )}
      >
        {text}
      </code>
      <CopyButton text={text} label={label} wordy />
    </div>
  );
}
