// Tokens of an address, and the texts their owner writes to them.

const TEXT_BYTES_MAX = 64;
const WORKER = /^[A-Za-z0-9_.:@-]{1,32}$/;

/** Whether a miner can have this name: what the pool keeps of one consists of these alone. */
export function isKnownWorkerName(name: string): boolean {
  return WORKER.test(name);
}

export type TextProblem = { problem: "too_long"; bytes: number } | { problem: "control" };

/** What is wrong with a label, or null. */
export function textProblem(text: string): TextProblem | null {
  if (/\p{Cc}/u.test(text)) return { problem: "control" };
  const bytes = new TextEncoder().encode(text).length;
  return bytes > TEXT_BYTES_MAX ? { problem: "too_long", bytes } : null;
}

/** What the official miner is given as its worker's name, because it has no password. */
export function getworkName(worker: string | null, token: string): string {
  return `'${worker ?? "rig1"}?token=${token}'`;
}

/** Whether a token lets anybody in at the moment. */
export function isInForce(token: { expires_at_ms: number | null }, now_ms: number): boolean {
  return token.expires_at_ms === null || token.expires_at_ms > now_ms;
}
