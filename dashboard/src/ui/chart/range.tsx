import { charts } from "@/lib/messages";
import { RANGES, type Range } from "@/lib/range";
import { Segmented } from "../segmented";

/** How far back a chart looks. */
export function RangeButtons({
  value,
  onChange,
}: {
  value: Range;
  onChange: (range: Range) => void;
}) {
  const options = RANGES.map((range) => [range, charts.ranges[range]] as const);
  return <Segmented label={charts.range} value={value} options={options} onChange={onChange} />;
}
