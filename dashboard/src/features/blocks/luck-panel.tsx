import { useQuery } from "@tanstack/react-query";
import { effortQuery, recentBlocksQuery } from "@/api/queries";
import type { Block } from "@/api/types";
import { effortBand } from "@/lib/luck";
import { blocks } from "@/lib/messages";
import { formatCount, formatPercent, toNumber } from "@/lib/number";
import { State } from "@/ui/badge";
import { Loaded, Panel } from "@/ui/panel";

/** Mean efforts with the band in which nine of ten honest pools are. */
export function LuckPanel() {
  const effort = useQuery(effortQuery);
  const recent = useQuery(recentBlocksQuery);
  return (
    <Panel title={blocks.luck.title} note={blocks.luck.intro}>
      <Loaded
        query={effort}
        skeleton={<span className="skeleton h-52 w-full max-lg:h-[26.5rem]" />}
      >
        {({ items }) => {
          const means = items.filter((item) => item.blocks > 0);
          if (means.length === 0)
            return (
              <p className="min-h-52 py-4 text-muted max-lg:min-h-[26.5rem]">{blocks.luck.none}</p>
            );
          // While all blocks fit into the shorter stretch, the longer one says the same again.
          const distinct = means.filter(
            (item, place) => means.findIndex((other) => other.blocks === item.blocks) === place,
          );
          return (
            <div className="grid min-h-52 content-start gap-x-10 gap-y-6 max-lg:min-h-[26.5rem] lg:grid-cols-[1fr_1.15fr]">
              <ul className="flex flex-col gap-5">
                {distinct.map((item) => (
                  <li key={item.blocks_max}>
                    <Mean blocks={item.blocks} effort={toNumber(item.effort) ?? 0} />
                  </li>
                ))}
              </ul>
              <EffortDots items={recent.data?.items ?? []} />
            </div>
          );
        }}
      </Loaded>
      <p className="mt-4 max-w-[56rem] text-[0.83rem] text-muted">{blocks.luck.how}</p>
    </Panel>
  );
}

/** Up to here the scale of the band goes; more is drawn at its end. */
const SCALE_MAX = 3;

function Mean({ blocks: count, effort }: { blocks: number; effort: number }) {
  const band = effortBand(count);
  const percent = (value: number) => formatPercent(value, { digits: 0 });
  if (!band) return null;
  const place = (value: number) => `${(Math.min(value, SCALE_MAX) / SCALE_MAX) * 100}%`;
  const verdict = effort > band.high ? "unlucky" : effort < band.low ? "lucky" : "inside";
  return (
    <div>
      <p className="flex flex-wrap items-baseline justify-between gap-x-4">
        <span className="eyebrow">
          {blocks.luck.mean}, {blocks.luck.newest(count).toLowerCase()}
        </span>
        <State tone={verdict === "unlucky" ? "warn" : "good"} className="text-[0.83rem]">
          {blocks.luck[verdict]}
        </State>
      </p>
      <p className="figure mt-0.5 text-[1.5rem]">{percent(effort)}</p>
      <div className="relative mt-2 h-2.5 rounded-full bg-line" aria-hidden>
        <div
          className="absolute inset-y-0 rounded-full bg-accent-soft ring-1 ring-accent/40"
          style={{
            left: place(band.low),
            width: `${((Math.min(band.high, SCALE_MAX) - band.low) / SCALE_MAX) * 100}%`,
          }}
        />
        <div className="absolute -inset-y-1 w-0.5 bg-line-strong" style={{ left: place(1) }} />
        <div
          className="absolute top-1/2 size-3.5 -translate-1/2 rounded-full border-2 border-surface bg-ink"
          style={{ left: place(effort) }}
        />
      </div>
      <p className="mt-1.5 text-[0.83rem] text-muted">
        {blocks.luck.band(percent(band.low), percent(band.high))}
      </p>
    </div>
  );
}

const DOTS_MAX = 40;
const DOT_SCALE_MAX = 4;

/** One bar for each of the newest blocks, oldest left. */
function EffortDots({ items }: { items: readonly Block[] }) {
  const shown = items.slice(0, DOTS_MAX).reverse();
  return (
    <figure className="m-0 flex min-w-0 flex-col">
      <figcaption className="eyebrow">{blocks.luck.dots}</figcaption>
      <div className="relative mt-2 min-h-36 flex-1 border-b border-line">
        {[1, 2, 3].map((line) => (
          <div
            key={line}
            aria-hidden
            className="absolute inset-x-0 border-t border-dashed border-line text-[0.72rem] leading-none text-muted"
            style={{ bottom: `${(line / DOT_SCALE_MAX) * 100}%` }}
          >
            <span className="absolute right-0 bottom-0.5 bg-surface pl-1">
              {line * 100}&#8239;%
            </span>
          </div>
        ))}
        <ol className="absolute inset-0 mr-12 flex items-end gap-[3px]">
          {shown.map((block) => {
            const effort = toNumber(block.effort) ?? 0;
            const words = blocks.luck.dot(
              formatCount(block.height),
              formatPercent(effort, { digits: 0 }),
            );
            return (
              <li
                key={block.hash}
                title={words}
                className={`max-w-4 min-w-0 flex-1 rounded-t-sm ${block.status === "orphaned" ? "bg-bad" : effort > 3 ? "bg-warn" : effort > 1 ? "bg-line-strong" : "bg-accent"}`}
                style={{
                  height: `${Math.max(1.5, (Math.min(effort, DOT_SCALE_MAX) / DOT_SCALE_MAX) * 100)}%`,
                }}
              >
                <span className="sr-only">{words}</span>
              </li>
            );
          })}
        </ol>
      </div>
    </figure>
  );
}
