// XELIS addresses: bech32 (BIP-173) with a colon between prefix and data, over a 32-byte key and
// a byte for the kind. The browser checks all a node checks but whether the key is a curve point,
// so a typing error is named before anything is sent.

const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const CHECKSUM_LENGTH = 6;
const PAYLOAD_BYTES = 33;
const KIND_NORMAL = 0;
const KIND_INTEGRATED = 1;
const TEXT_LENGTH_MAX = 2048;

export type AddressPrefix = "xel" | "xet";

/** Why a text is no address the pool can pay, as a name the messages have words for. */
export type AddressProblem =
  | "empty"
  | "no_prefix"
  | "wrong_network"
  | "upper_case"
  | "mistyped"
  | "integrated"
  | "unknown_kind"
  | "wrong_length"
  | "empty_key";

export type AddressCheck =
  | { ok: true; address: string; prefix: AddressPrefix }
  | { ok: false; problem: AddressProblem };

/** Checks what was typed; blanks around it do not count. `wanted` is the pool's prefix. */
export function checkAddress(typed: string, wanted?: AddressPrefix): AddressCheck {
  const text = typed.trim();
  if (text === "") return refuse("empty");
  if (text.length > TEXT_LENGTH_MAX) return refuse("wrong_length");
  const colon = text.indexOf(":");
  if (colon < 0) return refuse("no_prefix");
  if (/[A-Z]/.test(text)) return refuse("upper_case");
  const prefix = text.slice(0, colon);
  if (prefix !== "xel" && prefix !== "xet") return refuse("no_prefix");
  const values = fiveBitValues(text.slice(colon + 1));
  if (values === null || values.length < CHECKSUM_LENGTH) return refuse("mistyped");
  if (polymod([...expandPrefix(prefix), ...values]) !== 1) return refuse("mistyped");
  const payload = toBytes(values.slice(0, -CHECKSUM_LENGTH));
  if (payload === null) return refuse("mistyped");
  const problem = payloadProblem(payload);
  if (problem !== null) return refuse(problem);
  if (wanted !== undefined && prefix !== wanted) return refuse("wrong_network");
  return { ok: true, address: text, prefix };
}

/** An address short enough for a line, with both ends that people compare. */
export function shortAddress(address: string): string {
  return address.length <= 18 ? address : `${address.slice(0, 10)}…${address.slice(-6)}`;
}

function refuse(problem: AddressProblem): AddressCheck {
  return { ok: false, problem };
}

function payloadProblem(payload: number[]): AddressProblem | null {
  const kind = payload[PAYLOAD_BYTES - 1];
  if (kind === KIND_INTEGRATED) return "integrated";
  if (payload.length !== PAYLOAD_BYTES) return "wrong_length";
  if (kind !== KIND_NORMAL) return "unknown_kind";
  return payload.slice(0, -1).every((byte) => byte === 0) ? "empty_key" : null;
}

function fiveBitValues(data: string): number[] | null {
  const values = [...data].map((character) => CHARSET.indexOf(character));
  return values.includes(-1) ? null : values;
}

function expandPrefix(prefix: string): number[] {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function polymod(values: number[]): number {
  let checksum = 1;
  for (const value of values) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((generator, bit) => {
      if ((top >>> bit) & 1) checksum ^= generator;
    });
  }
  return checksum >>> 0;
}

/** Groups of five bits as bytes; null when the rest that fills the last group is not zero. */
function toBytes(values: number[]): number[] | null {
  const bytes: number[] = [];
  let bits = 0;
  let buffer = 0;
  for (const value of values) {
    buffer = ((buffer << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((buffer >> bits) & 0xff);
    }
  }
  const padding = buffer & ((1 << bits) - 1);
  return bits >= 5 || padding !== 0 ? null : bytes;
}
