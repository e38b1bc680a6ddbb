// What is filled in on the calculator, and what follows from it.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { networkQuery } from "@/api/queries";
import type { Pool } from "@/api/types";
import { toXel } from "@/lib/amount";
import { type Earnings, earnings } from "@/lib/earnings";
import { toNumber } from "@/lib/number";

export const UNITS = [
  ["H/s", 1],
  ["kH/s", 1e3],
  ["MH/s", 1e6],
] as const;

export type Fields = {
  rate: string;
  unit: string;
  scheme: string;
  /** null while it is what the network says. */
  reward: string | null;
  watts: string;
  price: string;
};

export function useInputs(pool: Pool) {
  const offered = pool.settings?.schemes ?? [];
  const [fields, setFields] = useState<Fields>(() => ({
    ...exampleRate(pool.hashrate),
    scheme: offered.find((item) => item.is_default)?.name ?? "pplns",
    reward: null,
    watts: "",
    price: "",
  }));
  const known = useKnownReward();
  const reward = fields.reward ?? (known === null ? "" : String(known));
  const fee = offered.find((item) => item.name === fields.scheme)?.fee_bps ?? 0;
  const difficulty = toNumber(pool.node.template?.network_difficulty);
  const [watts, price] = [typedNumber(fields.watts), typedNumber(fields.price)];
  return {
    fields,
    change: (change: Partial<Fields>) => setFields({ ...fields, ...change }),
    offered,
    reward,
    isRewardKnown: known !== null,
    fee,
    difficulty,
    rows: rowsOf(pool, fields, typedNumber(reward), difficulty, fee),
    /** Of an hour, in the currency of the price. */
    powerCost: watts !== null && price !== null ? (watts / 1000) * price : null,
  };
}

export type Inputs = ReturnType<typeof useInputs>;

function rowsOf(
  pool: Pool,
  fields: Fields,
  blockReward: number | null,
  networkDifficulty: number | null,
  feeBps: number,
): Earnings[] | null {
  const rate = typedNumber(fields.rate);
  const factor = UNITS.find(([name]) => name === fields.unit)?.[1] ?? 1;
  if (rate === null || blockReward === null || networkDifficulty === null) return null;
  const { scheme } = fields;
  const hashrate = rate * factor;
  return earnings({
    hashrate,
    poolHashrate: pool.hashrate,
    networkDifficulty,
    blockReward,
    feeBps,
    scheme,
  });
}

/** A number above zero that somebody typed, with a point or a comma. */
export function typedNumber(text: string): number | null {
  const number = Number(text.trim().replace(",", "."));
  return text.trim() !== "" && Number.isFinite(number) && number > 0 ? number : null;
}

/** A round number of about a tenth of the pool, so that the first example means something here. */
export function exampleRate(poolHashrate: number): { rate: string; unit: string } {
  const tenth = (poolHashrate > 0 ? poolHashrate : 100_000) / 10;
  const power = 10 ** Math.floor(Math.log10(tenth));
  const round = Math.max(1, Math.round(tenth / power) * power);
  const [unit, factor] = UNITS.findLast(([, size]) => round >= size) ?? UNITS[0];
  return { rate: String(round / factor), unit };
}

/** What the next block pays its miner with the fees that blocks have had on average, in XEL. */
function useKnownReward(): number | null {
  const { data } = useQuery(networkQuery);
  if (!data?.next_reward_atomic) return null;
  return toXel(data.next_reward_atomic) + toXel(data.average_fees_atomic);
}
