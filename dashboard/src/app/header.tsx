import { Link } from "@tanstack/react-router";
import { common, navigation } from "@/lib/messages";
import { Logo } from "@/ui/logo";
import { ClusterPill } from "./cluster-pill";
import { LiveChip } from "./live-chip";
import { PAGES } from "./pages";
import { ThemeButton } from "./theme-button";

export function Header() {
  return (
    <header className="sticky top-0 z-40 border-b border-line bg-surface/95 backdrop-blur-sm">
      <div className="mx-auto flex h-14 max-w-[74rem] items-center gap-5 px-6 max-sm:gap-2 max-sm:px-3.5">
        <Link to="/" className="flex shrink-0 items-center gap-2.5 font-semibold tracking-tight">
          <Logo />
          <span className="text-[1.05rem]">{common.poolName}</span>
        </Link>
        <nav aria-label={navigation.label} className="hidden flex-1 lg:block">
          <ul className="flex items-center">
            {PAGES.filter((page) => page.inHeader).map(({ to, words }) => (
              <li key={to}>
                <Link
                  to={to}
                  className="relative flex h-14 items-center px-2.5 text-[0.9rem] text-muted hover:text-ink"
                  activeProps={{
                    className:
                      "!text-ink font-medium after:absolute after:inset-x-2.5 after:bottom-0 after:h-0.5 after:bg-accent",
                  }}
                >
                  {words}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="flex flex-1 items-center justify-end gap-2 lg:flex-none">
          {/* Its words change, so it stands where nothing else moves with it. */}
          <LiveChip />
          <ClusterPill />
          <ThemeButton />
        </div>
      </div>
    </header>
  );
}
