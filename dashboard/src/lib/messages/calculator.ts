export const calculator = {
  title: "Calculator",
  intro:
    "What a hashrate earns here at the network’s present difficulty, and how far chance carries it from that.",
  hashrate: "Your hashrate",
  unit: "Unit",
  power: "Power draw, in watts",
  price: "Price of a kWh",
  optional: "optional",
  scheme: "Scheme",
  reward: "What a block pays, in XEL",
  rewardHint: "Of the next block, average fees included; change it to try others.",
  badNumber: "Enter a number above zero.",
  columns: {
    period: "Period",
    mean: "On average",
    spread: "Nine of ten times between",
    blocks: "Blocks of the pool",
    power: "Power",
  },
  periods: { day: "Day", week: "Week", month: "30 days" },
  blocksSolo: "Your blocks",
  spreadNote: {
    shared:
      "Blocks come at random. The smaller the pool and the shorter the time, the wider the spread; the average stays.",
    solo: "Alone you get whole blocks or nothing, so short periods often pay nothing at all.",
    fixed: "Paid by share: chance is the pool’s, not yours.",
  },
  assumes: (difficulty: string, fee: string) =>
    `At a network difficulty of ${difficulty} and a fee of ${fee}.`,
  noReward: "The pool does not know it at the moment; enter it.",
  chart: "The spread, to scale",
} as const;
