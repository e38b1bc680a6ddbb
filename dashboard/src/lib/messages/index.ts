// Every word of the dashboard. Another language is another folder beside this one.

export * from "./blocks";
export * from "./calculator";
export * from "./charts";
export * from "./common";
export * from "./home";
export * from "./miner";
export * from "./payouts";
export * from "./reference";
export * from "./rules";
export * from "./settings";
export * from "./start";
export * from "./status";
