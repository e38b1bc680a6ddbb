import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { nodesQuery } from "@/api/queries";
import { connection } from "@/lib/messages";
import { cx } from "@/ui/cx";

/** How many nodes are up, on every page: it is what the pool is about. */
export function ClusterPill() {
  const { data } = useQuery(nodesQuery);
  const up = data?.items.filter((node) => node.serving).length ?? 0;
  const all = data?.items.length ?? 0;
  const tone = !data
    ? "bg-line-strong"
    : data.health === "healthy"
      ? "bg-accent"
      : data.health === "degraded"
        ? "bg-warn"
        : "bg-bad";
  return (
    <Link
      to="/status"
      title={data ? connection.clusterStates[data.health] : undefined}
      className="flex h-8 w-[6.7rem] items-center justify-center gap-2 rounded-full border border-line text-[0.82rem] whitespace-nowrap hover:bg-raised max-sm:w-16"
    >
      <span className="flex gap-[3px]" aria-hidden>
        {(data?.items ?? [1, 2, 3]).map((node, place) => (
          <span
            key={typeof node === "number" ? place : node.id}
            className={cx(
              "h-2.5 w-[5px] rounded-sm",
              typeof node === "number" ? "bg-line-strong" : node.serving ? tone : "bg-line-strong",
            )}
          />
        ))}
      </span>
      <span>
        {data ? connection.cluster(up, all) : "…"}
        <span className="max-sm:sr-only"> {connection.nodes}</span>
      </span>
    </Link>
  );
}
