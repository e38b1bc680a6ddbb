import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ArrowRight, CircleCheckBig, Radio } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { isMissing } from "@/api/client";
import { minerNews } from "@/api/live";
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
  const news = useStore(minerNews).get(address);
  const [asked, setAsked] = useState<number | null>(null);
  const miner = useQuery({ ...minerQuery(address), retry: false, refetchInterval: ASK_EVERY_MS });
  const isSlow = useLater(SLOW_AFTER_MS);
  const missing = miner.error && isMissing(miner.error) ? 0 : null;
  const answered = miner.data?.shares ?? missing;
  // What the first answer says was there before; whatever comes on top is new.
  useEffect(() => {
    if (asked === null && answered !== null) setAsked(answered);
  }, [asked, answered]);
  const shares = Math.max(news?.miner?.shares ?? 0, answered ?? 0);
  const hasArrived = asked !== null && shares > asked;
  const isKnown = (asked ?? 0) > 0;
  const newest = news?.workers[0];
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
    <div role="status" data-state={hasArrived ? "arrived" : asked === null ? "asking" : "waiting"}>
      {hasArrived ? (
        <Line good icon={<CircleCheckBig size={22} aria-hidden />} title={waiting.arrived}>
          {newest && waiting.arrivedText(newest.name, formatCount(newest.difficulty))}
          <div>{link}</div>
        </Line>
      ) : (
        <Line
          icon={<Radio size={22} aria-hidden className="animate-pulse" />}
          title={isKnown ? waiting.known : waiting.waiting}
        >
          {isKnown
            ? waiting.knownText(miner.data?.workers.count ?? 0)
            : isSlow
              ? waiting.slow
              : waiting.waitingText(shortAddress(address))}
          {isKnown && <div>{link}</div>}
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

function useLater(after_ms: number): boolean {
  const [isLater, setLater] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), after_ms);
    return () => clearTimeout(timer);
  }, [after_ms]);
  return isLater;
}
