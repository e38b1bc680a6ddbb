import { CircleAlert, RotateCw } from "lucide-react";
import { type CSSProperties, type ReactNode, useId } from "react";
import { common } from "@/lib/messages";
import { formatClock } from "@/lib/time";
import { Button } from "./button";
import { cx } from "./cx";

/** A part of a page with a heading of its own. */
export function Panel({
  title,
  actions,
  note,
  children,
  className,
  flush = false,
  level = 2,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  note?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Whether the content goes to the edge, as tables do. */
  flush?: boolean;
  level?: 2 | 3;
}) {
  const id = useId();
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <section
      aria-labelledby={title ? id : undefined}
      className={cx("panel flex min-w-0 flex-col", className)}
    >
      {title && (
        <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-5 pt-4 pb-3 max-sm:px-4">
          <div className="min-w-0">
            <Heading id={id} className="text-[1.02rem] font-semibold">
              {title}
            </Heading>
            {note && <p className="mt-0.5 text-sm text-muted">{note}</p>}
          </div>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div
        className={cx(
          "min-w-0 flex-1",
          !flush && "px-5 pb-5 max-sm:px-4 max-sm:pb-4",
          !title && !flush && "pt-5 max-sm:pt-4",
          flush && title && "border-t border-line",
        )}
      >
        {children}
      </div>
    </section>
  );
}

/** What a query says, as far as a panel needs to know it. */
export type Loading<T> = {
  data: T | undefined;
  error: unknown;
  dataUpdatedAt: number;
  isFetching: boolean;
  refetch: () => unknown;
};

/**
 * Decides between the four states in one place. While there is data it stays on the page, however
 * old; an error beside it says how old. The skeleton has the height the content will have.
 */
export function Loaded<T>({
  query,
  skeleton,
  children,
}: {
  query: Loading<T>;
  skeleton: ReactNode;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) {
    return (
      <>
        {query.error ? <StaleNote query={query} /> : null}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <Failed error={query.error} onRetry={() => query.refetch()} />;
  return (
    <div aria-busy="true">
      <span className="sr-only">{common.loading}</span>
      {skeleton}
    </div>
  );
}

function StaleNote({ query }: { query: Loading<unknown> }) {
  return (
    <p className="mb-2 flex flex-wrap items-center gap-x-2 px-1 text-sm text-warn">
      <CircleAlert size={15} aria-hidden />
      {common.dataFrom(formatClock(query.dataUpdatedAt))}
      <button type="button" className="link" onClick={() => query.refetch()}>
        {common.retry}
      </button>
    </p>
  );
}

/** An error without any data to show instead. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => unknown }) {
  const detail = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="flex flex-col items-center gap-3 px-5 py-8 text-center">
      <CircleAlert className="text-bad" aria-hidden />
      <p className="max-w-prose text-sm text-muted">{detail}</p>
      {onRetry && (
        <Button onClick={() => onRetry()}>
          <RotateCw size={15} aria-hidden /> {common.retry}
        </Button>
      )}
    </div>
  );
}

/** Nothing there yet: says why, and what to do next. `isPage` when that is all of the page. */
export function Empty({
  title,
  children,
  isPage = false,
}: {
  title: ReactNode;
  children?: ReactNode;
  isPage?: boolean;
}) {
  const Title = isPage ? "h1" : "p";
  return (
    <div className="flex flex-col items-center gap-1.5 px-5 py-9 text-center">
      <Title className="font-medium">{title}</Title>
      {children && <div className="max-w-prose text-sm text-muted">{children}</div>}
    </div>
  );
}

/**
 * Grey lines of the height that a table of `rows` rows will have. On a phone each row is a card of
 * as many lines as it has `cells`.
 */
export function RowsSkeleton({ rows = 5, cells = 5 }: { rows?: number; cells?: number }) {
  return (
    <div className="divide-y divide-line" style={{ "--cells": cells } as CSSProperties} aria-hidden>
      {Array.from({ length: rows }, (_, row) => `row ${row}`).map((row) => (
        <div
          key={row}
          className="flex h-[2.85rem] items-center gap-6 px-5 max-sm:h-[calc(var(--cells)*1.78rem+1.65rem)]"
        >
          <span className="skeleton h-3.5 w-24" />
          <span className="skeleton h-3.5 flex-1" />
          <span className="skeleton h-3.5 w-20" />
        </div>
      ))}
    </div>
  );
}
