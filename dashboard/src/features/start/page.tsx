import { getRouteApi } from "@tanstack/react-router";
import { start } from "@/lib/messages";
import { useRecentAddresses } from "@/lib/recent";
import { PageQr } from "@/ui/page-qr";
import { PageTitle } from "@/ui/page-title";
import { Panel } from "@/ui/panel";
import { EndpointsPanel } from "@/ui/pool/endpoints-panel";
import { CommandPanel } from "./command-panel";
import { FirstShare } from "./first-share";
import { useSetup } from "./setup";
import { SetupForm } from "./setup-form";

const route = getRouteApi("/start");

export default function StartPage() {
  const search = route.useSearch();
  const [recent] = useRecentAddresses();
  const setup = useSetup(search.address ?? recent ?? "");
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={start.title} intro={start.intro}>
        {/* Whoever reads this on a phone has it there already. */}
        <div className="max-sm:hidden">
          <PageQr url={urlOf(setup.login.address)} label={start.qr} />
        </div>
      </PageTitle>
      <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-[1fr_1.35fr]">
        <Panel title={start.form}>
          <SetupForm setup={setup} />
        </Panel>
        <div className="flex min-w-0 flex-col gap-5 max-sm:gap-4">
          <CommandPanel
            program={setup.program}
            nodes={setup.nodes}
            node={setup.node}
            login={setup.login}
          />
          <FirstShare address={setup.login.address} />
        </div>
      </div>
      <EndpointsPanel query={setup.connect} />
    </div>
  );
}

/** This page with what was typed, so that the phone waits for the same first share. */
function urlOf(address: string | null): string {
  const url = new URL("/start", location.origin);
  if (address !== null) url.searchParams.set("address", address);
  return url.href;
}
