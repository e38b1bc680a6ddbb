import type { Block } from "@/api/types";
import { formatXel } from "@/lib/amount";
import { blocks, schemes, units } from "@/lib/messages";
import { formatCount, formatPercent, toNumber } from "@/lib/number";
import { State } from "../badge";
import { cx } from "../cx";
import { Hint } from "../hint";
import { type Column, TableHead } from "../table-head";
import { When } from "../when";
import { AddressLink } from "./address";
import { Hash } from "./hash";
import { type ChainTop, Maturity } from "./maturity";

/** Found blocks, newest first. `brief` leaves out what only the page of all blocks has room for. */
export function BlocksTable({
  items,
  top,
  explorer,
  brief = false,
}: {
  items: readonly Block[];
  top: ChainTop | undefined;
  explorer: (hash: string) => string | null;
  brief?: boolean;
}) {
  const { columns } = blocks;
  return (
    <table className="table">
      <TableHead columns={columnsFor(brief)} />
      <tbody>
        {items.map((block) => (
          <tr key={block.hash}>
            <td data-label={columns.height} data-headline>
              <span className="font-semibold">{formatCount(block.height)}</span>
              <span className="flex min-w-40 justify-end sm:hidden">
                <BlockState block={block} top={top} />
              </span>
            </td>
            {!brief && (
              <td data-label={columns.hash}>
                <Hash hash={block.hash} url={explorer(block.hash)} kind="block" />
              </td>
            )}
            <td className="w-48 max-sm:!hidden" data-label={columns.state}>
              <BlockState block={block} top={top} />
            </td>
            <td data-label={columns.finder}>
              <Finder block={block} />
            </td>
            {!brief && (
              <td data-label={columns.scheme}>{schemes.names[block.scheme] ?? block.scheme}</td>
            )}
            <td data-label={columns.effort} data-align="right">
              <Effort effort={block.effort} />
            </td>
            <td data-label={columns.reward} data-align="right">
              <Reward block={block} />
            </td>
            <td data-label={columns.found} data-align="right">
              <When at_ms={block.found_at_ms} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function columnsFor(brief: boolean): Column[] {
  const { columns } = blocks;
  const all: (Column & { isDetail?: boolean })[] = [
    { name: columns.height },
    { name: columns.hash, isDetail: true },
    { name: columns.state },
    { name: columns.finder },
    { name: columns.scheme, isDetail: true },
    { name: columns.effort, isNumber: true },
    { name: columns.reward, isNumber: true },
    { name: columns.found, isNumber: true },
  ];
  return all.filter((column) => !(brief && column.isDetail));
}

function BlockState({ block, top }: { block: Block; top: ChainTop | undefined }) {
  if (block.status === "maturing") return <Maturity height={block.height} top={top} />;
  if (block.status === "settled") return <State tone="good">{blocks.states.settled}</State>;
  return (
    <State tone="bad">
      <span title={block.orphan_reason ?? undefined}>{blocks.states.orphaned}</span>
    </State>
  );
}

function Finder({ block }: { block: Block }) {
  if (block.is_finder_hidden) {
    return (
      <span className="inline-flex items-center gap-1 text-muted">
        {blocks.hidden} <Hint name={blocks.hidden}>{blocks.hiddenHint}</Hint>
      </span>
    );
  }
  if (!block.miner) return <span className="text-muted">{blocks.anonymous}</span>;
  return (
    <span className="inline-flex min-w-0 items-baseline gap-x-1.5 whitespace-nowrap">
      <AddressLink address={block.miner} />
      {block.worker && <span className="text-[0.83rem] text-muted">{block.worker}</span>}
    </span>
  );
}

/** Effort as it was, however unlucky: 100 % is the mean, and a third of all rounds take more. */
export function Effort({ effort }: { effort: string | null | undefined }) {
  const value = toNumber(effort);
  if (value === null) return <>–</>;
  return (
    <span className={cx(value > 3 && "text-warn")}>{formatPercent(value, { digits: 0 })}</span>
  );
}

function Reward({ block }: { block: Block }) {
  if (block.status === "orphaned") return <>–</>;
  const isExpected = block.amount_atomic === null || block.amount_atomic === undefined;
  const amount = isExpected ? block.expected_atomic : block.amount_atomic;
  return (
    <span
      className={cx("whitespace-nowrap", isExpected && "text-muted")}
      title={isExpected ? blocks.expected : undefined}
    >
      {isExpected && "≈ "}
      {formatXel(amount, { digits: 4 })} <span className="text-muted">{units.xel}</span>
    </span>
  );
}
