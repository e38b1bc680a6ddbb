import { Link, useRouterState } from "@tanstack/react-router";
import { Boxes, Ellipsis, Home, UserRound } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { common, navigation } from "@/lib/messages";
import { useRecentAddresses } from "@/lib/recent";
import { cx } from "@/ui/cx";
import { Dialog } from "@/ui/dialog";
import { PAGES } from "./pages";

const ITEM =
  "flex min-h-[3.75rem] flex-col items-center justify-center gap-0.5 text-[0.74rem] text-muted";
const ACTIVE = { className: "!text-accent font-medium" };

/** What a thumb reaches on small screens. */
export function BottomBar() {
  const [address] = useRecentAddresses();
  const [isOpen, setOpen] = useState(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the list.
  useEffect(() => setOpen(false), [path]);
  const item = (icon: ReactNode, words: string) => (
    <>
      {icon}
      <span>{words}</span>
    </>
  );
  return (
    <nav
      aria-label={navigation.label}
      className="fixed inset-x-0 bottom-0 z-40 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden"
    >
      <ul className="grid grid-cols-4">
        <li>
          <Link to="/" className={ITEM} activeOptions={{ exact: true }} activeProps={ACTIVE}>
            {item(<Home size={20} aria-hidden />, navigation.home)}
          </Link>
        </li>
        <li>
          {address === undefined ? (
            <Link to="/start" className={ITEM} activeProps={ACTIVE}>
              {item(<UserRound size={20} aria-hidden />, navigation.start)}
            </Link>
          ) : (
            <Link to="/miner/$address" params={{ address }} className={ITEM} activeProps={ACTIVE}>
              {item(<UserRound size={20} aria-hidden />, navigation.miner)}
            </Link>
          )}
        </li>
        <li>
          <Link to="/blocks" className={ITEM} activeProps={ACTIVE}>
            {item(<Boxes size={20} aria-hidden />, navigation.blocks)}
          </Link>
        </li>
        <li>
          <button type="button" className={cx(ITEM, "w-full")} onClick={() => setOpen(true)}>
            {item(<Ellipsis size={20} aria-hidden />, common.more)}
          </button>
        </li>
      </ul>
      <Dialog open={isOpen} onClose={() => setOpen(false)} title={navigation.label}>
        <ul className="-mx-2">
          {PAGES.map(({ to, words, icon: Icon }) => (
            <li key={to}>
              <Link
                to={to}
                activeOptions={{ exact: to === "/" }}
                activeProps={ACTIVE}
                className="flex min-h-11 items-center gap-3 rounded-lg px-2 hover:bg-raised"
              >
                <Icon size={18} aria-hidden className="text-muted" />
                {words}
              </Link>
            </li>
          ))}
        </ul>
      </Dialog>
    </nav>
  );
}
