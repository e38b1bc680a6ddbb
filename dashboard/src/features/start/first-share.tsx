import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight, CircleCheckBig, Radio } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { newestShares, type ShareEvent } from "@/api/live";
import { minerQuery } from "@/api/queries";
import { useStore } from "@/api/store";
import { useTopic } from "@/api/stream-context";
import { shortAddress } from "@/lib/address";
import { start } from "@/lib/messages";
import { formatCount } from "@/lib/number";
import { buttonClass } from "@/ui/button";
import { cx } from "@/ui/cx";
import { Panel } from "@/ui/panel";

const SLOW_AFTER_MS = 90_000;
/** Beside the live event, in case the stream does not get through. */
const ASK_EVERY_MS = 5_000;

/** Waits for a share of an address and turns green when it comes. */
export function FirstShare({ address }: { address: string | null }) {
  return (
    <Panel title={start.waiting.title}>
      {address === null ? (
        <Line icon={<Radio size={22} aria-hidden />} title={start.waiting.idle} />
      ) : (
        <Watch key={address} address={address} />
      )}
    </Panel>
  );
}

function Watch({ address }: { address: string }) {
  useTopic(`miner:${address}`);
  const share = useNewestShare(address);
  const miner = useQuery({
    ...minerQuery(address),
    retry: false,
    refetchInterval: share ? false : ASK_EVERY_MS,
  });
  const [sharesBefore, setSharesBefore] = useState<number | null>(null);
  const isSlow = useLater(SLOW_AFTER_MS);
  const known = miner.data?.shares ?? (miner.error ? 0 : null);
  useEffect(() => {
    if (sharesBefore === null && known !== null) setSharesBefore(known);
  }, [sharesBefore, known]);
  const hasArrived = share !== null || (sharesBefore === 0 && (known ?? 0) > 0);
  const { waiting } = start;
  const link = (
    <Link
      to="/miner/$address"
      params={{ address }}
      className={buttonClass(hasArrived ? "primary" : "plain", "mt-3")}
    >
      {waiting.open} <ArrowRight size={15} aria-hidden />
    </Link>
  );
  return (
    <div role="status" data-state={hasArrived ? "arrived" : "waiting"}>
      {hasArrived ? (
        <Line good icon={<CircleCheckBig size={22} aria-hidden />} title={waiting.arrived}>
          {share && waiting.arrivedText(share.worker, formatCount(share.difficulty), share.node_id)}
          <div>{link}</div>
        </Line>
      ) : (
        <Line
          icon={<Radio size={22} aria-hidden className="animate-pulse" />}
          title={(sharesBefore ?? 0) > 0 ? waiting.known : waiting.waiting}
        >
          {(sharesBefore ?? 0) > 0
            ? waiting.knownText(miner.data?.workers.count ?? 0)
            : isSlow
              ? waiting.slow
              : waiting.waitingText(shortAddress(address))}
          {(sharesBefore ?? 0) > 0 && <div>{link}</div>}
        </Line>
      )}
    </div>
  );
}

function Line({
  icon,
  title,
  good = false,
  children,
}: {
  icon: ReactNode;
  title: string;
  good?: boolean;
  children?: ReactNode;
}) {
  return (
    <div
      className={cx(
        "flex min-h-24 items-start gap-3.5 rounded-lg border px-4 py-3.5 transition-colors duration-500",
        good ? "border-accent/40 bg-accent-soft" : "border-line bg-raised",
      )}
    >
      <span className={cx("mt-0.5 shrink-0", good ? "text-accent" : "text-muted")}>{icon}</span>
      <div className="min-w-0">
        <p className={cx("font-semibold", good && "text-accent")}>{title}</p>
        {children && <div className="mt-0.5 text-[0.92rem] text-muted">{children}</div>}
      </div>
    </div>
  );
}

/** The newest share of an address since this was shown. */
function useNewestShare(address: string): ShareEvent | null {
  const shares = useStore(newestShares);
  const [since_ms] = useState(() => Date.now());
  let newest: ShareEvent | null = null;
  for (const share of shares.values()) {
    if (share.address !== address || share.heardAt_ms < since_ms) continue;
    if (newest === null || share.heardAt_ms > newest.heardAt_ms) newest = share;
  }
  return newest;
}

function useLater(after_ms: number): boolean {
  const [isLater, setLater] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), after_ms);
    return () => clearTimeout(timer);
  }, [after_ms]);
  return isLater;
}
