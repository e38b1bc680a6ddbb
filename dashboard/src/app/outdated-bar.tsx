import { RotateCw } from "lucide-react";
import { useEffect } from "react";
import { connectionStore } from "@/api/connection";
import { useStore } from "@/api/store";
import { connection } from "@/lib/messages";
import { Button } from "@/ui/button";

const AFTER_MS = [60_000, 120_000] as const;
const INPUT = ["pointerdown", "keydown", "scroll"] as const;

/** Offers a reload when the pool runs another version, and does it where nobody is at work. */
export function OutdatedBar() {
  const { isOutdated } = useStore(connectionStore);
  useEffect(() => {
    if (!isOutdated) return;
    const [low, high] = AFTER_MS;
    // At random, so that all pages of a pool do not come at once.
    const after_ms = low + Math.random() * (high - low);
    let timer = setTimeout(() => location.reload(), after_ms);
    const postpone = () => {
      clearTimeout(timer);
      timer = setTimeout(() => location.reload(), after_ms);
    };
    for (const name of INPUT) window.addEventListener(name, postpone, { passive: true });
    return () => {
      clearTimeout(timer);
      for (const name of INPUT) window.removeEventListener(name, postpone);
    };
  }, [isOutdated]);
  if (!isOutdated) return null;
  return (
    <div
      role="status"
      className="flex items-center justify-center gap-3 bg-accent-soft px-4 py-1.5 text-sm"
    >
      {connection.newVersion}
      <Button onClick={() => location.reload()} className="min-h-8">
        <RotateCw size={14} aria-hidden /> {connection.reload}
      </Button>
    </div>
  );
}
