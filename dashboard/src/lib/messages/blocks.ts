export const schemes = {
  names: { pplns: "PPLNS", pps: "PPS", fpps: "FPPS", solo: "Solo" } as Record<string, string>,
  about: {
    pplns:
      "Every block the pool finds is shared over the newest work, in proportion to what each did.",
    pps: "Each share is paid at once with its part of the expected reward, whether or not a block is found.",
    fpps: "Like PPS, with the average of the network’s transaction fees on top.",
    solo: "Whoever finds a block takes its whole reward, less the fee.",
  } as Record<string, string>,
} as const;

export const blocks = {
  title: "Blocks",
  intro: "Every block the pool has found, those that came to nothing included.",
  columns: {
    height: "Height",
    hash: "Hash",
    state: "State",
    finder: "Finder",
    scheme: "Scheme",
    effort: "Effort",
    reward: "Reward",
    found: "Found",
  },
  states: { maturing: "Maturing", settled: "Credited", orphaned: "Orphaned" },
  filters: { all: "All", maturing: "Maturing", settled: "Credited", orphaned: "Orphaned" },
  filter: "Which blocks",
  maturity: "Heights until the block is final",
  passed: (passed: number, all: number) => `${passed}/${all}`,
  expected: "Expected; the chain says what it pays when the block is final.",
  anonymous: "anonymous",
  hidden: "hidden",
  hiddenHint:
    "The finder has proved that the address is theirs and hides it from lists. Its work and its reward are in the books as everybody’s.",
  empty: {
    title: "No block yet",
    effort: (effort: string, expected: string) =>
      `Current effort ${effort}; the pool finds one about every ${expected}.`,
    idle: "Nobody mines on the pool at the moment.",
    filtered: "No block is in this state.",
  },
  luck: {
    title: "Luck, as it is",
    intro:
      "Effort is the work a block took over the work it should take on average. It is never rescaled: bad luck shows.",
    newest: (blocks: number) => `Newest ${blocks}`,
    all: (blocks: number) => `All ${blocks}`,
    mean: "Mean effort",
    band: (low: string, high: string) => `nine of ten honest pools are between ${low} and ${high}`,
    inside: "Inside the band",
    lucky: "Luckier than nine of ten",
    unlucky: "Unluckier than nine of ten",
    none: "Nothing to judge before the first block.",
    how: "The work of a round is exponential: 37 % of all rounds take more than 100 %, 5 % more than 300 %. The band narrows as rounds add up.",
    dots: "Effort of the newest blocks",
    dot: (height: string, effort: string) => `Block ${height}: ${effort}`,
  },
  late: {
    title: "Late blocks",
    intro:
      "XELIS pays blocks that are a few heights late, so shares on older templates count in full here. What became of them:",
    columns: {
      late: "Heights late",
      found: "Found",
      orphaned: "Orphaned",
      worth: "Paid, against on time",
    },
  },
  hints: {
    effort:
      "Work of the pool since the block before, over the work a block takes on average. 100 % is the mean, and less is luckier. More than 100 % is ordinary: 37 % of all rounds are.",
    maturing:
      "The chain may still reorder the newest blocks. After 24 heights it cannot, and the block is credited with what the chain paid.",
  },
} as const;
