// Mining programs, and how each is told where to mine. The forms follow the programs' own help
// texts; addresses and names are checked before they get here, so nothing needs quoting but what a
// shell would take for something else.

export type Endpoint = {
  protocol: "stratum" | "xatum" | "getwork";
  host: string;
  port: number;
  is_tls: boolean;
};

/** A way in as the API says it. */
export type OfferedEndpoint = {
  protocol: Endpoint["protocol"];
  host: string | null;
  port: number;
  encryption: "plain" | "tls" | "both";
};

/**
 * The ways into a node: a port that takes plain and TLS connections is two. A node that does not know
 * its own name is reached by that of its API, or by that of this page.
 */
export function endpointsOf<E extends OfferedEndpoint>(
  node: { api_url: string | null; endpoints: readonly E[] },
  pageHost: string,
): (Omit<E, "host"> & Endpoint)[] {
  const apiHost = node.api_url === null ? pageHost : new URL(node.api_url).hostname;
  return node.endpoints.flatMap((offered) => {
    const plain = { ...offered, host: offered.host ?? apiHost, is_tls: false };
    const tls = { ...plain, is_tls: true };
    return { plain: [plain], tls: [tls], both: [plain, tls] }[offered.encryption];
  });
}

export type Login = {
  address: string;
  worker: string;
  /** A fixed difficulty; null lets the pool find it. */
  difficulty: number | null;
  /** null takes the pool's default. */
  scheme: string | null;
};

export type Program = {
  id: string;
  name: string;
  /** What it mines with. */
  device: "CPU" | "GPU" | "CPU and GPU";
  protocol: Endpoint["protocol"];
  /** Whether it can speak TLS. */
  hasTls: boolean;
  url: string | null;
  command: (endpoint: Endpoint, login: Login, backups: readonly Endpoint[]) => string;
};

const WORKER = /^[A-Za-z0-9_-]{1,32}$/;

export function isWorkerName(name: string): boolean {
  return WORKER.test(name);
}

/** The password of a miner: its options, or a letter that stands for none. */
export function passwordOf({ difficulty, scheme }: Login): string {
  const options = [
    difficulty === null ? "" : `d=${difficulty}`,
    scheme === null ? "" : `scheme=${scheme}`,
  ];
  return options.filter(Boolean).join(",") || "x";
}

/** Host and port, with the brackets an IPv6 address needs. */
export function hostPort({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const scheme = (endpoint: Endpoint) => (endpoint.is_tls ? "stratum+ssl" : "stratum+tcp");

/** The official miner passes on what follows the worker's name, options included. */
function getworkWorker(login: Login): string {
  const password = passwordOf(login);
  const query = password === "x" ? "" : `?${password.replaceAll(",", "&")}`;
  return query === "" ? login.worker : `'${login.worker}${query}'`;
}

export const PROGRAMS: readonly Program[] = [
  {
    id: "tnn",
    name: "tnn-miner",
    device: "CPU",
    protocol: "stratum",
    hasTls: false,
    url: "https://gitlab.com/Tritonn204/tnn-miner",
    command: (endpoint, login) =>
      `tnn-miner --xelis --stratum --daemon-address ${endpoint.host} --port ${endpoint.port} ` +
      `--wallet ${userWithDifficulty(login)} --worker-name ${login.worker}`,
  },
  {
    id: "srbminer",
    name: "SRBMiner-MULTI",
    device: "CPU and GPU",
    protocol: "stratum",
    hasTls: true,
    url: "https://github.com/doktor83/SRBMiner-Multi/releases",
    command: (endpoint, login, backups) =>
      `SRBMiner-MULTI --algorithm xelishashv3 --pool ${[endpoint, ...backups].map(hostPort).join("!")} ` +
      `--wallet ${login.address}.${login.worker} --password ${passwordOf(login)}` +
      (endpoint.is_tls ? " --tls true" : ""),
  },
  {
    id: "rigel",
    name: "Rigel",
    device: "GPU",
    protocol: "stratum",
    hasTls: true,
    url: "https://github.com/rigelminer/rigel/releases",
    command: (endpoint, login, backups) =>
      `rigel -a xelishashv3 ${[endpoint, ...backups]
        .map((at) => `-o ${scheme(at)}://${hostPort(at)}`)
        .join(" ")} -u ${login.address} -w ${login.worker} -p ${passwordOf(login)}`,
  },
  {
    id: "xelis_miner",
    name: "xelis_miner (official)",
    device: "CPU",
    protocol: "getwork",
    hasTls: true,
    url: "https://github.com/xelis-project/xelis-blockchain/releases",
    command: (endpoint, login) =>
      `xelis_miner --daemon-address ${endpoint.is_tls ? "wss" : "ws"}://${hostPort(endpoint)} ` +
      `--miner-address ${login.address} --worker ${getworkWorker(login)}`,
  },
  {
    id: "raftpool",
    name: "raftpool miner",
    device: "CPU",
    protocol: "stratum",
    hasTls: false,
    url: null,
    command: (endpoint, login, backups) =>
      `raftpool miner ${[endpoint, ...backups].map((at) => `--pool ${hostPort(at)}`).join(" ")} ` +
      `--address ${login.address} --worker ${login.worker}` +
      (passwordOf(login) === "x" ? "" : ` --password ${passwordOf(login)}`),
  },
];

/** A program without a password takes the difficulty behind its address. */
function userWithDifficulty({ address, difficulty }: Login): string {
  return difficulty === null ? address : `${address}+${difficulty}`;
}

/** The endpoint of a node that a program can use, plain before TLS, because every program speaks it. */
export function endpointFor(program: Program, endpoints: readonly Endpoint[]): Endpoint | null {
  const usable = endpoints.filter(
    (endpoint) => endpoint.protocol === program.protocol && (program.hasTls || !endpoint.is_tls),
  );
  return usable.find((endpoint) => !endpoint.is_tls) ?? usable[0] ?? null;
}
