import { blocks } from "@/lib/messages";
import { Progress } from "../bars";

/** What of a node's answer says how far blocks are from being final. */
export type ChainTop = {
  template?: { height: number } | null;
  stability_heights: number;
};

/** Heights the chain has grown on top of a block, at most what makes it final. */
export function heightsPassed(height: number, top: ChainTop | undefined): number | null {
  if (!top?.template) return null;
  return Math.min(top.stability_heights, Math.max(0, top.template.height - height - 1));
}

/** How far a block is from the depth at which the chain cannot take it back. */
export function Maturity({ height, top }: { height: number; top: ChainTop | undefined }) {
  const passed = heightsPassed(height, top);
  if (passed === null || !top) return <>{blocks.states.maturing}</>;
  const words = blocks.passed(passed, top.stability_heights);
  return (
    <span className="flex w-full max-w-44 items-center gap-2.5 max-sm:max-w-40">
      <Progress value={passed} max={top.stability_heights} label={blocks.maturity} />
      <span className="shrink-0 text-[0.83rem] text-muted">{words}</span>
    </span>
  );
}
