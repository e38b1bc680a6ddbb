import type { ReactNode } from "react";
import { useEffect } from "react";
import { common } from "@/lib/messages";

/** The heading of a page, which is the title of its tab as well. */
export function PageTitle({
  title,
  aside,
  intro,
  children,
}: {
  title: string;
  /** What stands beside it in the page, and not in the tab. */
  aside?: ReactNode;
  intro?: ReactNode;
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · ${common.poolName}`;
    return () => {
      document.title = common.poolName;
    };
  }, [title]);
  return (
    <header className="flex flex-wrap items-end justify-between gap-x-8 gap-y-3 pb-1">
      <div>
        <h1 className="text-[1.6rem] leading-tight font-semibold tracking-tight">
          {title}
          {aside && (
            <span className="ml-3 text-[1.1rem] font-normal text-muted [overflow-wrap:anywhere]">
              {aside}
            </span>
          )}
        </h1>
        {intro && <p className="mt-1.5 max-w-[44rem] text-muted">{intro}</p>}
      </div>
      {children}
    </header>
  );
}
