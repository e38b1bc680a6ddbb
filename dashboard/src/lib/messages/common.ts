// Words that several pages use.

export const common = {
  poolName: "Raftpool",
  skip: "Skip to the content",
  loading: "Loading",
  copy: "Copy",
  copied: "Copied",
  copyFailed: "Could not copy",
  close: "Close",
  retry: "Try again",
  more: "More",
  loadMore: "Show older",
  end: "That is all there is.",
  all: "All",
  none: "None",
  unknown: "Unknown",
  whatIs: (name: string) => (name ? `What does “${name}” mean?` : "What does this mean?"),
  dataFrom: (clock: string) => `Data from ${clock}; the newest could not be loaded.`,
  noAnswer:
    "No node of the pool answers at the moment. Check your connection; this page tries again by itself.",
  theme: { label: "Theme", system: "As the system", light: "Light", dark: "Dark" },
  notFound: {
    title: "There is nothing here",
    text: "The address of this page is mistyped, or the page has moved.",
    home: "Go to the pool’s home page",
  },
  crashed: {
    title: "This page broke",
    text: "That is a fault of the page and not of the pool: mining and payouts go on.",
    reload: "Load the page again",
  },
} as const;

export const navigation = {
  label: "Pages",
  home: "Home",
  start: "Start mining",
  miner: "My miner",
  blocks: "Blocks",
  payouts: "Payouts",
  calculator: "Calculator",
  status: "Status",
  api: "API",
  rules: "FAQ and rules",
} as const;

export const connection = {
  live: "Live",
  reconnecting: "Reconnecting",
  dataFrom: (clock: string) => `Data from ${clock}`,
  connecting: "Connecting",
  polling: "Every 30 s",
  about: {
    live: "Changes show up the moment they are in the pool’s log.",
    connecting: "Waiting for the first answer of a node.",
    reconnecting:
      "The stream of changes was interrupted; another node takes over within seconds. What you see stays.",
    polling: "The stream of changes does not get through, so this page asks every 30 seconds.",
    offline: "No node answers. What you see is from the time shown; this page goes on trying.",
  },
  servedBy: (node: string) => `Served by ${node}`,
  node: (id: number) => `node ${id}`,
  cluster: (up: number, all: number) => `${up}/${all}`,
  nodes: "nodes",
  clusterStates: {
    healthy: "Every node does what it should.",
    degraded: "The pool works, with something wrong on a node.",
    no_quorum: "Fewer than half of the nodes answer: shares are not credited until they are back.",
  },
  newVersion: "The pool runs a newer version.",
  reload: "Reload",
  blockFound: (height: string) => `Block found at height ${height}`,
  payoutSent: (amount: string, payees: number) =>
    `Payout of ${amount} XEL to ${payees} ${payees === 1 ? "address" : "addresses"} confirmed`,
} as const;

export const addresses = {
  label: "Your XELIS address",
  search: "Find a miner by its address",
  placeholder: (prefix: string) => `${prefix}:…`,
  open: "Show miner",
  recent: "Looked at last",
  clear: "Forget these",
  problems: {
    empty: "Enter an address.",
    no_prefix: "An address starts with xel: (or xet: on test networks).",
    wrong_network: "This address is of another network than the pool’s.",
    upper_case: "An address is in lower case only.",
    mistyped: "This address is mistyped: its checksum does not fit.",
    integrated: "An integrated address cannot be paid by the pool; use the plain one.",
    unknown_kind: "This kind of address is not known.",
    wrong_length: "This address has the wrong length.",
    empty_key: "This address holds an empty key: nobody could spend what is paid there.",
  },
  copy: "Copy the address",
  anonymous: "anonymous",
} as const;

export const qr = {
  show: "Show as QR code",
  title: "This page on your phone",
} as const;

export const units = {
  xel: "XEL",
  perDay: "XEL a day",
} as const;

export const footer = {
  promise: "A share that was accepted is never lost. A coin is never paid twice.",
  contact: "Contact",
  version: (version: string) => `Raftpool ${version}`,
} as const;

export const hashes = {
  explorer: "in the explorer",
  copy: { block: "Copy the block’s hash", transaction: "Copy the transaction’s hash" },
} as const;
