import { common } from "@/lib/messages";
import { Button } from "./button";

/** The way to older rows, as long as there are any. */
export function LoadMore({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className="flex justify-center border-t border-line p-3">
      <Button onClick={() => query.fetchNextPage()} disabled={query.isFetchingNextPage}>
        {common.loadMore}
      </Button>
    </div>
  );
}
