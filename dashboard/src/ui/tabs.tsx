import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

/** Parts of a page of which one is shown; the address says which. */
export function Tabs<T extends string>({
  label,
  value,
  onChange,
  tabs,
}: {
  label: string;
  value: T;
  onChange: (value: T) => void;
  tabs: readonly { value: T; name: string; content: () => ReactNode }[];
}) {
  return (
    <Radix.Root
      value={value}
      onValueChange={(next) => onChange(next as T)}
      className="panel min-w-0"
    >
      <Radix.List
        aria-label={label}
        className="flex overflow-x-auto border-b border-line px-3 max-sm:px-1"
      >
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="relative min-h-12 px-3 text-[0.95rem] whitespace-nowrap text-muted hover:text-ink data-[state=active]:font-medium data-[state=active]:text-ink data-[state=active]:after:absolute data-[state=active]:after:inset-x-3 data-[state=active]:after:bottom-0 data-[state=active]:after:h-0.5 data-[state=active]:after:bg-accent"
          >
            {tab.name}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className="outline-offset-[-2px]">
          {tab.content()}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
