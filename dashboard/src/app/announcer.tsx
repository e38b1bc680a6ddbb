import { announcement } from "@/api/live";
import { useStore } from "@/api/store";
import { formatXel } from "@/lib/amount";
import { connection } from "@/lib/messages";
import { formatCount } from "@/lib/number";

/** Says found blocks and confirmed payouts to those who listen to the page, and nothing else. */
export function Announcer() {
  const news = useStore(announcement);
  let words = "";
  if (news?.kind === "block" && news.block.status === "maturing") {
    words = connection.blockFound(formatCount(news.block.height));
  }
  if (news?.kind === "payout" && news.payout.status === "confirmed") {
    const { transfer_atomic, payees } = news.payout;
    words = connection.payoutSent(formatXel(transfer_atomic, { digits: 4 }), payees);
  }
  return (
    <div aria-live="polite" className="sr-only">
      {words}
    </div>
  );
}
