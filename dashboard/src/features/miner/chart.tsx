import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { minerPayoutsQuery, minerSeriesQuery, recentBlocksQuery } from "@/api/queries";
import { miner } from "@/lib/messages";
import { RANGE_SERIES, type Range } from "@/lib/range";
import { RangeButtons } from "@/ui/chart/range";
import { Loaded, Panel } from "@/ui/panel";
import { blockMarkers, payoutMarkers } from "@/ui/pool/markers";
import { RateChart, RateChartSkeleton, RateChartSpace } from "@/ui/pool/rate-chart";

const route = getRouteApi("/miner/$address");

/** The miner's hashrate, with the pool's blocks and the miner's payouts. */
export function MinerChart({ address }: { address: string }) {
  const { range = "day", ...rest } = route.useSearch();
  const navigate = route.useNavigate();
  const { step, length_ms } = RANGE_SERIES[range];
  const series = useQuery(minerSeriesQuery(address, null, step, length_ms));
  const blocks = useQuery(recentBlocksQuery);
  const payouts = useInfiniteQuery(minerPayoutsQuery(address));
  const setRange = (next: Range) =>
    navigate({
      search: next === "day" ? rest : { ...rest, range: next },
      replace: true,
      resetScroll: false,
    });
  const markers = [
    ...blockMarkers(blocks.data?.items ?? []),
    ...payoutMarkers(payouts.data?.pages.flatMap((page) => page.items) ?? []),
  ];
  return (
    <Panel title={miner.chart} actions={<RangeButtons value={range} onChange={setRange} />}>
      <RateChartSpace>
        <Loaded query={series} skeleton={<RateChartSkeleton />}>
          {(data) => (
            <RateChart items={data.items} step_ms={data.step_ms} markers={markers} withShares />
          )}
        </Loaded>
      </RateChartSpace>
    </Panel>
  );
}
