import { settings as words } from "@/lib/messages";
import { textProblem } from "@/lib/token";

/** What is wrong with a text of the owner's own, in words. */
export function textWords(text: string): string | undefined {
  const found = textProblem(text);
  if (found === null) return undefined;
  return found.problem === "control" ? words.textControl : words.textTooLong(found.bytes);
}
