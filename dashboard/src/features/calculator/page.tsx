import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { poolQuery, recentBlocksQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { toXel } from "@/lib/amount";
import { earnings } from "@/lib/earnings";
import { calculator, schemes } from "@/lib/messages";
import { formatBasisPoints, formatScaled, toNumber } from "@/lib/number";
import { SelectField, TextField } from "@/ui/field";
import { PageTitle } from "@/ui/page-title";
import { Loaded, Panel } from "@/ui/panel";
import { EarningsTable } from "./earnings-table";

const UNITS = [
  ["H/s", 1],
  ["kH/s", 1e3],
  ["MH/s", 1e6],
] as const;

export default function CalculatorPage() {
  const pool = useQuery(poolQuery);
  return (
    <div className="flex flex-col gap-5 max-sm:gap-4">
      <PageTitle title={calculator.title} intro={calculator.intro} />
      <Loaded query={pool} skeleton={<span className="skeleton h-[34rem] w-full rounded-[10px]" />}>
        {(data) => <Calculator pool={data} />}
      </Loaded>
    </div>
  );
}

/** A round number of about a tenth of the pool, so that the first example means something here. */
function exampleRate(poolHashrate: number): { rate: string; unit: string } {
  const tenth = (poolHashrate > 0 ? poolHashrate : 100_000) / 10;
  const power = 10 ** Math.floor(Math.log10(tenth));
  const round = Math.max(1, Math.round(tenth / power) * power);
  const [unit, factor] = UNITS.findLast(([, size]) => round >= size) ?? UNITS[0];
  return { rate: String(round / factor), unit };
}

/** A number above zero that somebody typed, with a point or a comma. */
function typedNumber(text: string): number | null {
  const number = Number(text.trim().replace(",", "."));
  return text.trim() !== "" && Number.isFinite(number) && number > 0 ? number : null;
}

function Calculator({ pool }: { pool: Pool }) {
  const offered = pool.settings?.schemes ?? [];
  const [given] = useState(() => exampleRate(pool.hashrate));
  const [rate, setRate] = useState(given.rate);
  const [unit, setUnit] = useState<string>(given.unit);
  const [scheme, setScheme] = useState(offered.find((item) => item.is_default)?.name ?? "pplns");
  const [reward, setReward] = useState<string | null>(null);
  const [watts, setWatts] = useState("");
  const [price, setPrice] = useState("");
  const known = useKnownReward();
  const shownReward = reward ?? (known === null ? "" : String(known));
  const hashrate = typedNumber(rate);
  const blockReward = typedNumber(shownReward);
  const fee = offered.find((item) => item.name === scheme)?.fee_bps ?? 0;
  const difficulty = toNumber(pool.node.template?.network_difficulty);
  const power = typedNumber(watts);
  const kwhPrice = typedNumber(price);
  const bad = (value: number | null, text: string) =>
    value === null && text.trim() !== "" ? calculator.badNumber : undefined;
  const factor = UNITS.find(([name]) => name === unit)?.[1] ?? 1;
  const rows =
    hashrate !== null && blockReward !== null && difficulty !== null
      ? earnings({
          hashrate: hashrate * factor,
          poolHashrate: pool.hashrate,
          networkDifficulty: difficulty,
          blockReward,
          feeBps: fee,
          scheme,
        })
      : null;
  return (
    <div className="grid items-start gap-5 max-sm:gap-4 lg:grid-cols-[1fr_1.9fr]">
      <Panel>
        <form className="flex flex-col gap-4" onSubmit={(event) => event.preventDefault()}>
          <div className="grid grid-cols-[1fr_6.5rem] items-start gap-2">
            <TextField
              label={calculator.hashrate}
              inputMode="decimal"
              value={rate}
              error={bad(hashrate, rate)}
              onChange={(event) => setRate(event.target.value)}
            />
            <SelectField
              label={calculator.unit}
              value={unit}
              onChange={(event) => setUnit(event.target.value)}
            >
              {UNITS.map(([name]) => (
                <option key={name}>{name}</option>
              ))}
            </SelectField>
          </div>
          <SelectField
            label={calculator.scheme}
            value={scheme}
            hint={schemes.about[scheme]}
            onChange={(event) => setScheme(event.target.value as typeof scheme)}
          >
            {offered.map((item) => (
              <option key={item.name} value={item.name}>
                {schemes.names[item.name] ?? item.name} ({formatBasisPoints(item.fee_bps)})
              </option>
            ))}
          </SelectField>
          <TextField
            label={calculator.reward}
            inputMode="decimal"
            value={shownReward}
            hint={known === null ? calculator.noReward : calculator.rewardHint}
            error={bad(blockReward, shownReward)}
            onChange={(event) => setReward(event.target.value)}
          />
          <div className="grid grid-cols-2 items-start gap-2">
            <TextField
              label={calculator.power}
              inputMode="decimal"
              placeholder={calculator.optional}
              value={watts}
              error={bad(power, watts)}
              onChange={(event) => setWatts(event.target.value)}
            />
            <TextField
              label={calculator.price}
              inputMode="decimal"
              placeholder={calculator.optional}
              value={price}
              error={bad(kwhPrice, price)}
              onChange={(event) => setPrice(event.target.value)}
            />
          </div>
        </form>
      </Panel>
      <EarningsTable
        rows={rows}
        scheme={scheme}
        assumes={calculator.assumes(formatScaled(difficulty), formatBasisPoints(fee))}
        powerCost={power !== null && kwhPrice !== null ? (power / 1000) * kwhPrice : null}
      />
    </div>
  );
}

/** What the newest credited block of the pool paid, in XEL; else what the newest is expected to. */
function useKnownReward(): number | null {
  const { data } = useQuery(recentBlocksQuery);
  const block = data?.items.find((item) => item.amount_atomic) ?? data?.items[0];
  const atomic = block?.amount_atomic ?? block?.expected_atomic;
  return atomic ? toXel(atomic) : null;
}
