import { expect, test } from "vitest";
import {
  type Endpoint,
  endpointFor,
  endpointsOf,
  hostPort,
  isWorkerName,
  PROGRAMS,
  passwordOf,
} from "./programs";

const at = (change: Partial<Endpoint> = {}): Endpoint => ({
  protocol: "stratum",
  host: "pool.example",
  port: 5077,
  is_tls: false,
  ...change,
});
const login = { address: "xel:abc", worker: "rig1", difficulty: null, scheme: null };
const line = (id: string, change: Partial<typeof login> = {}, backups: Endpoint[] = []) =>
  PROGRAMS.find((program) => program.id === id)?.command(at(), { ...login, ...change }, backups);

test("each program gets its own line", () => {
  expect(line("tnn")).toBe(
    "tnn-miner --xelis --stratum --daemon-address pool.example --port 5077 --wallet xel:abc --worker-name rig1",
  );
  expect(line("raftpool", {}, [at({ host: "b.example" })])).toBe(
    "raftpool miner --pool pool.example:5077 --pool b.example:5077 --address xel:abc --worker rig1",
  );
  expect(line("srbminer")).toContain("--wallet xel:abc.rig1 --password x");
});

test("options are put where the program can say them", () => {
  const options = { difficulty: 5000 as never, scheme: "solo" as never };
  expect(passwordOf({ ...login, ...options })).toBe("d=5000,scheme=solo");
  expect(line("rigel", options)).toContain("-p d=5000,scheme=solo");
  expect(line("tnn", options)).toContain("--wallet xel:abc+5000");
  expect(line("xelis_miner", options)).toContain("--worker 'rig1?d=5000&scheme=solo'");
});

test("a node without a port for a program has none for it", () => {
  const [tnn] = PROGRAMS;
  if (!tnn) throw new Error("there is no program");
  expect(endpointFor(tnn, [at({ is_tls: true }), at({ port: 1 })])?.port).toBe(1);
  expect(endpointFor(tnn, [at({ is_tls: true }), at({ protocol: "getwork" })])).toBeNull();
});

test("hosts that are IPv6 addresses get brackets", () => {
  expect(hostPort(at({ host: "2001:db8::1" }))).toBe("[2001:db8::1]:5077");
});

test("worker names cannot carry anything a shell would understand", () => {
  for (const good of ["rig1", "a", "gpu_3-b"]) expect(isWorkerName(good), good).toBe(true);
  for (const bad of ["", "a b", "a;reboot", "$(x)", "ä", "x".repeat(33)]) {
    expect(isWorkerName(bad), bad).toBe(false);
  }
});

test("a port for plain and TLS connections is two ways in, at the host that is known", () => {
  const offered = { protocol: "stratum", host: null, port: 5077, encryption: "both" } as const;
  const node = (api_url: string | null) => ({ api_url, endpoints: [offered] });
  expect(endpointsOf(node("https://a.example:8000"), "page.example")).toMatchObject([
    { host: "a.example", is_tls: false },
    { host: "a.example", is_tls: true },
  ]);
  expect(endpointsOf(node(null), "page.example")[0]?.host).toBe("page.example");
});
