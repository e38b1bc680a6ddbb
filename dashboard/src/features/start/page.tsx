import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { useLinks } from "@/api/links";
import { connectQuery, poolQuery } from "@/api/queries";
import { checkAddress } from "@/lib/address";
import { addresses, schemes, start } from "@/lib/messages";
import { formatBasisPoints } from "@/lib/number";
import { isWorkerName, PROGRAMS } from "@/lib/programs";
import { useRecentAddresses } from "@/lib/recent";
import { SelectField, TextField } from "@/ui/field";
import { PageTitle } from "@/ui/page-title";
import { Panel } from "@/ui/panel";
import { CommandPanel } from "./command-panel";
import { EndpointsPanel } from "./endpoints-panel";
import { FirstShare } from "./first-share";

const route = getRouteApi("/start");
const DIFFICULTY = /^[1-9]\d{0,11}$/;

export default function StartPage() {
  const search = route.useSearch();
  const [recent] = useRecentAddresses();
  const pool = useQuery(poolQuery);
  const connect = useQuery(connectQuery);
  const { prefix } = useLinks();
  const [address, setAddress] = useState(search.address ?? recent ?? "");
  const [worker, setWorker] = useState("rig1");
  const [programId, setProgram] = useState<string>(PROGRAMS[0]?.id ?? "");
  const [nodeId, setNode] = useState<number | null>(null);
  const [difficulty, setDifficulty] = useState("");
  const [scheme, setScheme] = useState("");
  const check = checkAddress(address, prefix);
  const program = PROGRAMS.find((item) => item.id === programId);
  const nodes = connect.data?.nodes ?? [];
  const node = nodes.find((item) => item.id === nodeId) ?? nodes[0];
  const offered = pool.data?.settings?.schemes ?? [];
  const isDifficultyGood = difficulty === "" || DIFFICULTY.test(difficulty);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={start.title} intro={start.intro} />
      <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-[1fr_1.35fr]">
        <Panel title={start.form}>
          <form className="flex flex-col gap-4" onSubmit={(event) => event.preventDefault()}>
            <TextField
              label={start.address}
              hint={start.addressHint}
              error={
                !check.ok && address.trim() !== "" ? addresses.problems[check.problem] : undefined
              }
              value={address}
              onChange={(event) => setAddress(event.target.value)}
              placeholder={addresses.placeholder(prefix ?? "xel")}
              spellCheck={false}
              autoComplete="off"
              autoCapitalize="none"
              className="font-mono text-sm"
            />
            <TextField
              label={start.worker}
              hint={start.workerHint}
              error={isWorkerName(worker) ? undefined : start.badWorker}
              value={worker}
              onChange={(event) => setWorker(event.target.value)}
              spellCheck={false}
              autoComplete="off"
            />
            <SelectField
              label={start.program}
              value={programId}
              onChange={(event) => setProgram(event.target.value)}
            >
              {PROGRAMS.map((item) => (
                <option key={item.id} value={item.id}>
                  {item.name} · {item.device}
                </option>
              ))}
            </SelectField>
            <SelectField
              label={start.node}
              value={node?.id ?? ""}
              onChange={(event) => setNode(Number(event.target.value))}
            >
              {nodes.map((item) => (
                <option key={item.id} value={item.id}>
                  {[item.name ?? start.anyNode(item.id), item.region].filter(Boolean).join(", ")}
                </option>
              ))}
            </SelectField>
            <div className="grid grid-cols-2 items-start gap-3">
              <SelectField
                label={start.scheme}
                value={scheme}
                onChange={(event) => setScheme(event.target.value)}
              >
                {offered.map((item) => (
                  <option key={item.name} value={item.is_default ? "" : item.name}>
                    {schemes.names[item.name] ?? item.name} ({formatBasisPoints(item.fee_bps)})
                  </option>
                ))}
              </SelectField>
              <TextField
                label={start.difficulty}
                inputMode="numeric"
                hint={start.difficultyHint}
                error={isDifficultyGood ? undefined : start.badDifficulty}
                value={difficulty}
                onChange={(event) => setDifficulty(event.target.value.trim())}
              />
            </div>
          </form>
        </Panel>
        <div className="flex min-w-0 flex-col gap-5 max-sm:gap-4">
          <CommandPanel
            program={program}
            nodes={nodes}
            node={node}
            login={{
              address: check.ok ? check.address : null,
              worker: isWorkerName(worker) ? worker : "rig1",
              difficulty: isDifficultyGood && difficulty !== "" ? Number(difficulty) : null,
              scheme: scheme === "" ? null : scheme,
            }}
          />
          <FirstShare address={check.ok ? check.address : null} />
        </div>
      </div>
      <EndpointsPanel query={connect} />
    </div>
  );
}
