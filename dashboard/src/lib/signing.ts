// How a wallet is asked to sign a text, and what it answers.

const DIGITS = 128;

/** The address of the wallet's RPC server as its own help suggests it. */
const WALLET_URL = "http://127.0.0.1:8081/json_rpc";

/** A line for a shell that has the wallet sign a text; curl asks for the password itself. */
export function signCommand(text: string): string {
  const request = { jsonrpc: "2.0", id: 1, method: "sign_data", params: text };
  return (
    `curl -u USER ${WALLET_URL} -H 'content-type: application/json' ` +
    `-d ${quoted(JSON.stringify(request))}`
  );
}

/** For a shell: nothing in it means anything but itself. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export type SignatureCheck =
  | { ok: true; signature: string }
  | { ok: false; problem: "empty" | "not_hex" }
  | { ok: false; problem: "wrong_length"; digits: number };

/** The signature in what was pasted: itself, or the wallet's whole answer. */
export function checkSignature(typed: string): SignatureCheck {
  const inAnswer = /"result"\s*:\s*"([^"]*)"/.exec(typed);
  const digits = (inAnswer?.[1] ?? typed).replace(/[\s"']/g, "").toLowerCase();
  if (digits === "") return { ok: false, problem: "empty" };
  if (!/^[0-9a-f]*$/.test(digits)) return { ok: false, problem: "not_hex" };
  if (digits.length !== DIGITS) {
    return { ok: false, problem: "wrong_length", digits: digits.length };
  }
  return { ok: true, signature: digits };
}
