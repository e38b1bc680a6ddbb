// A real pool for the browser: `raftpool demo` with its simulated network, three nodes and miners,
// on free ports and in a directory of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 30_000;

const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/raftpool/target");
export const program = process.env.RAFTPOOL_PROGRAM ?? join(target, "debug/raftpool");

/** Asks again until `probe` gives something, or says what was waited for. */
export async function until(what, probe, deadline_ms = 60_000) {
  const end = Date.now() + deadline_ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${deadline_ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function json(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return response.ok ? response.json() : null;
}

/** Starts a pool; `stop` ends it and removes what it wrote. */
export async function startPool() {
  const directory = mkdtempSync(join(tmpdir(), "raftpool-browser-"));
  const child = spawn(program, ["demo", "--directory", directory, "--plain", "--load", "25"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output = `${output}${data}`.slice(-4_000);
    });
  }
  const addresses = (id) => {
    try {
      return JSON.parse(readFileSync(join(directory, `node-${id}`, "addresses.json"), "utf8"));
    } catch {
      return null;
    }
  };
  // The simulated network says where its wallet is, and whose.
  const network = () => JSON.parse(readFileSync(join(directory, "network.json"), "utf8"));
  const isServing = (id) => (addresses(id)?.stratum.length ?? 0) > 0;
  await until(
    "the demo to serve",
    () => {
      if (child.exitCode !== null) throw new Error(`the demo ended: ${output}`);
      return [1, 2, 3].every(isServing);
    },
    START_DEADLINE_MS,
  );
  return {
    directory,
    api: (id) => `http://${addresses(id).api}`,
    stratum: (id) => addresses(id).stratum[0],
    wallet: () => ({
      url: `${network().wallet}/json_rpc`,
      address: network().pool_address,
      user: "pool",
      password: readFileSync(join(directory, "wallet-password"), "utf8").trim(),
    }),
    kill: (id) => run(["demo", "kill", String(id), "--directory", directory]),
    stop: async () => {
      child.kill("SIGINT");
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
      if (child.exitCode === null) await ended;
      clearTimeout(timer);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Runs the program to its end. */
function run(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "ignore" });
    child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]} failed`))));
    child.once("error", reject);
  });
}

/** A miner of one's own; the function it gives ends it. */
export function startMiner(pool, address, worker) {
  const args = ["miner", `--pool=${pool}`, `--address=${address}`, `--worker=${worker}`];
  const child = spawn(program, [...args, "--threads=1", "--load=50"], { stdio: "ignore" });
  return () => child.kill("SIGKILL");
}
