import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { CircleAlert } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { isMissing } from "@/api/client";
import { useLinks } from "@/api/links";
import { minerQuery } from "@/api/queries";
import { useTopic } from "@/api/stream-context";
import { checkAddress } from "@/lib/address";
import { addresses, miner } from "@/lib/messages";
import { rememberAddress } from "@/lib/recent";
import { Empty, Failed, RowsSkeleton } from "@/ui/panel";
import { Tabs } from "@/ui/tabs";
import { MinerCards } from "./cards";
import { MinerChart } from "./chart";
import { MinerHeader } from "./header";
import { PayoutsTab } from "./payouts-tab";
import { RewardsTab } from "./rewards-tab";
import { StatementTab } from "./statement-tab";
import { UnknownMiner } from "./unknown";
import { WorkersTab } from "./workers-tab";

// Few visitors own the address they look at.
const SettingsTab = lazy(() => import("./settings/tab"));

const route = getRouteApi("/miner/$address");

export default function MinerPage() {
  const { address } = route.useParams();
  const { prefix } = useLinks();
  const check = checkAddress(address, prefix);
  if (!check.ok) {
    return (
      <div className="panel">
        <Empty title={miner.invalid} isPage>
          {addresses.problems[check.problem]}
        </Empty>
      </div>
    );
  }
  return <ValidMiner key={address} address={check.address} />;
}

function ValidMiner({ address }: { address: string }) {
  const query = useQuery(minerQuery(address));
  useTopic(`miner:${address}`);
  useEffect(() => rememberAddress(address), [address]);
  if (query.data === undefined && query.error) {
    return (
      <div className="flex flex-col gap-5">
        <MinerHeader address={address} />
        {isMissing(query.error) ? (
          <UnknownMiner address={address} />
        ) : (
          <div className="panel">
            <Failed error={query.error} onRetry={query.refetch} />
          </div>
        )}
      </div>
    );
  }
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <MinerHeader address={address} />
      {query.data?.on_hold && (
        <p className="flex items-center gap-2 rounded-lg border border-warn/40 bg-warn-soft px-4 py-3 text-warn">
          <CircleAlert size={17} aria-hidden className="shrink-0" /> {miner.onHold}
        </p>
      )}
      <MinerCards address={address} data={query.data} />
      <MinerChart address={address} />
      <MinerTabs address={address} />
    </div>
  );
}

function MinerTabs({ address }: { address: string }) {
  const { tab = "workers", ...rest } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <Tabs
      label={miner.tabList}
      value={tab}
      onChange={(next) =>
        navigate({
          search: next === "workers" ? rest : { ...rest, tab: next },
          replace: true,
          resetScroll: false,
        })
      }
      tabs={[
        {
          value: "workers",
          name: miner.tabs.workers,
          content: () => <WorkersTab address={address} />,
        },
        {
          value: "rewards",
          name: miner.tabs.rewards,
          content: () => <RewardsTab address={address} />,
        },
        {
          value: "payouts",
          name: miner.tabs.payouts,
          content: () => <PayoutsTab address={address} />,
        },
        {
          value: "statement",
          name: miner.tabs.statement,
          content: () => <StatementTab address={address} />,
        },
        {
          value: "settings",
          name: miner.tabs.settings,
          content: () => (
            <Suspense fallback={<RowsSkeleton rows={5} />}>
              <SettingsTab address={address} />
            </Suspense>
          ),
        },
      ]}
    />
  );
}
