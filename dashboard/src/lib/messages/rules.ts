export const rules = {
  title: "FAQ and rules",
  intro:
    "How you are paid, what may go wrong, and what then happens. The numbers are those in force.",
  contents: "On this page",
  now: "In force now",
  windowLabel: "PPLNS window",
  windowUnit: "blocks of work",
  sections: {
    pay: "How you are paid",
    safety: "When things fail",
    mining: "While you mine",
    data: "What is kept",
  },
  feeOf: (scheme: string, fee: string) => `${scheme} ${fee}`,
  questions: {
    schemes: "Which schemes are there, and what do they cost?",
    choose: "How do I choose one?",
    window: "What is the window?",
    minimum: "When am I paid?",
    orphan: "What of blocks that the chain does not keep?",
    proof: "Can I check what I got?",
    nodeDies: "What happens when a node dies?",
    lostShare: "Can an accepted share get lost?",
    paidTwice: "Could a payout be sent twice, or not at all?",
    noMajority: "What if most nodes are away?",
    stale: "Why are shares refused?",
    late: "My share was on an old template. Does it count?",
    difficulty: "Which difficulty do I get?",
    bans: "Can I be banned?",
    kept: "What does the pool know of me?",
  },
  choose:
    "In the password of your miner: scheme=solo, scheme=pps and so on. It holds from the next share on. Who chooses nothing gets the pool’s default.",
  window: (size: string) =>
    `PPLNS shares a block over the newest work, as much as ${size} blocks take on average. While the window is not yet full, the reward is shared over what is in it. Weights are frozen the moment a block is found, so nobody gains by leaving or coming.`,
  minimum: (amount: string, every: string) =>
    `When your balance is ${amount} XEL or more, with the next payout; payouts are made at most every ${every}. Nothing expires.`,
  networkFee: {
    miners: "The network’s fee of a payout is shared by those it pays.",
    pool: "The pool bears the network’s fee.",
  } as Record<string, string>,
  orphan: (heights: string) =>
    `A block is credited when the chain can no longer take it back, ${heights} heights after it was found, with exactly what the chain paid. A block that comes to nothing pays nothing; with PPS and FPPS that is the pool’s loss and not yours. A block is only given up when two daemons agree on it.`,
  proof:
    "Yes. Each block has a proof with every weight and part, each miner a statement entry by entry, and the whole journal can be exported and added up. See the API page.",
  nodeDies:
    "Your miner reconnects to another one within seconds, keeps its difficulty and its standing, and nothing counts against it. Give your miner the addresses of two nodes. This page moves to another node by itself.",
  lostShare:
    "No. A share is answered “accepted” only after it is on the disks of a majority of the nodes. What was accepted is credited, whatever dies afterwards.",
  paidTwice:
    "No. A payout’s signed bytes are stored on a majority of nodes before they are sent, bound to a number the chain executes only once. A new leader goes on with the same bytes.",
  noMajority:
    "Then shares are refused with the reason, until the majority is back; miners keep getting work. Nothing is called accepted that is not stored.",
  stale:
    "Stale ones are for work the chain has moved past, mostly through a slow connection. Duplicates were sent before. Low difficulty means a wrongly configured or overclocked device. The worker’s page says how many of each there were.",
  late: "Up to three heights late it counts in full, because XELIS pays late blocks as well.",
  difficulty:
    "One that lets your worker send a share every few seconds. It follows your speed, and is known to every node. Ask for a fixed one with d=5000 in the password.",
  bans: "A worker most of whose shares are bad is refused for ten minutes and told why. Stale shares, and shares lost in a failover, never count.",
  kept: "Your address, worker names, and counts of shares; whatever is on the blockchain anyway. There is no account, no e-mail address, no cookie. This browser keeps the last five addresses you looked at, until you clear them.",
  contact: "Contact",
} as const;
