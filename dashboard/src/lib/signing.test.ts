import { expect, test } from "vitest";
import { checkSignature, signCommand } from "./signing";

const GOOD = "0123456789abcdef".repeat(8);

test("a signature is taken bare, in quotes, broken over lines, and out of the wallet's answer", () => {
  const good = { ok: true, signature: GOOD };
  expect(checkSignature(` ${GOOD}\n`)).toEqual(good);
  expect(checkSignature(`"${GOOD.toUpperCase()}"`)).toEqual(good);
  expect(checkSignature(`${GOOD.slice(0, 64)}\n${GOOD.slice(64)}`)).toEqual(good);
  expect(checkSignature(`{"id":1,"jsonrpc":"2.0","result":"${GOOD}"}`)).toEqual(good);
});

test("what is no signature is told apart", () => {
  expect(checkSignature("  ")).toEqual({ ok: false, problem: "empty" });
  expect(checkSignature("z".repeat(128))).toEqual({ ok: false, problem: "not_hex" });
  const short = { ok: false, problem: "wrong_length", digits: 127 };
  expect(checkSignature(GOOD.slice(1))).toEqual(short);
});

test("no text breaks out of the command", () => {
  const text = 'Jim\'s pool: $(rm -rf ~) "x" \\';
  const command = signCommand(text);
  const [, body = ""] = / -d '(.*)'$/.exec(command) ?? [];
  // What a shell makes of it: a quote ends, stands for itself, and begins anew.
  const params = JSON.parse(body.replaceAll("'\\''", "'")).params;
  expect(params).toBe(text);
  expect(body.replaceAll("'\\''", "")).not.toContain("'");
});
