// What is filled in on the page for starting, and what follows from it.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLinks } from "@/api/links";
import { connectQuery, poolQuery } from "@/api/queries";
import { checkAddress } from "@/lib/address";
import { addresses, start } from "@/lib/messages";
import { isWorkerName, type Login, PROGRAMS } from "@/lib/programs";

const DIFFICULTY = /^[1-9]\d{0,11}$/;
const WORKER = "rig1";

export type Fields = {
  address: string;
  worker: string;
  programId: string;
  /** null is the first node. */
  nodeId: number | null;
  difficulty: string;
  /** Empty for the pool's default. */
  scheme: string;
};

export function useSetup(address: string) {
  const [fields, setFields] = useState<Fields>({
    address,
    worker: WORKER,
    programId: PROGRAMS[0]?.id ?? "",
    nodeId: null,
    difficulty: "",
    scheme: "",
  });
  const pool = useQuery(poolQuery);
  const connect = useQuery(connectQuery);
  const { prefix } = useLinks();
  const check = checkAddress(fields.address, prefix);
  const nodes = connect.data?.nodes ?? [];
  const hasWorker = isWorkerName(fields.worker);
  const hasDifficulty = DIFFICULTY.test(fields.difficulty);
  const login: Omit<Login, "address"> & { address: string | null } = {
    address: check.ok ? check.address : null,
    worker: hasWorker ? fields.worker : WORKER,
    difficulty: hasDifficulty ? Number(fields.difficulty) : null,
    scheme: fields.scheme === "" ? null : fields.scheme,
  };
  return {
    fields,
    change: (change: Partial<Fields>) => setFields({ ...fields, ...change }),
    errors: {
      address:
        check.ok || fields.address.trim() === "" ? undefined : addresses.problems[check.problem],
      worker: hasWorker ? undefined : start.badWorker,
      difficulty: hasDifficulty || fields.difficulty === "" ? undefined : start.badDifficulty,
    },
    prefix,
    connect,
    nodes,
    node: nodes.find((node) => node.id === fields.nodeId) ?? nodes[0],
    program: PROGRAMS.find((program) => program.id === fields.programId),
    schemes: pool.data?.settings?.schemes ?? [],
    login,
  };
}

export type Setup = ReturnType<typeof useSetup>;
