import { common } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/panel";

/** A fault of this page, which must not look like one of the pool. */
export function Crashed({ error }: { error: unknown }) {
  return (
    <div role="alert" className="panel">
      <Empty title={common.crashed.title} isPage>
        <p>{common.crashed.text}</p>
        <p className="mt-2 font-mono text-xs">
          {error instanceof Error ? error.message : String(error)}
        </p>
        <Button kind="primary" className="mt-4" onClick={() => location.reload()}>
          {common.crashed.reload}
        </Button>
      </Empty>
    </div>
  );
}
