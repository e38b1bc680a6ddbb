import { type ReactNode, useId } from "react";

/** One step of several, under its heading. */
export function Step({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="min-w-0">
      <h3 id={id} className="mb-1.5 font-medium">
        {title}
      </h3>
      {children}
    </section>
  );
}
