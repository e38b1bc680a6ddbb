import { Outlet } from "@tanstack/react-router";
import { common } from "@/lib/messages";
import { Announcer } from "./announcer";
import { BottomBar } from "./bottom-bar";
import { Footer } from "./footer";
import { Header } from "./header";
import { OutdatedBar } from "./outdated-bar";

export function Layout() {
  return (
    <div className="flex min-h-dvh flex-col max-lg:pb-[4.25rem]">
      <a
        href="#content"
        className="absolute -top-20 left-4 z-50 rounded-lg bg-accent px-4 py-2 font-medium text-accent-ink focus:top-3"
      >
        {common.skip}
      </a>
      <OutdatedBar />
      <Header />
      <main
        id="content"
        tabIndex={-1}
        className="mx-auto min-h-[calc(100dvh-3.5rem)] w-full max-w-[74rem] flex-1 px-6 pt-7 pb-12 outline-none max-sm:px-3.5 max-sm:pt-4"
      >
        <Outlet />
      </main>
      <Footer />
      <BottomBar />
      <Announcer />
    </div>
  );
}
