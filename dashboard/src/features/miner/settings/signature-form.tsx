import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { isOutcomeUnknown, proveAddress } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { checkSignature, type SignatureCheck } from "@/lib/signing";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

/** Takes the signature of a text, and opens the session with it. */
export function SignatureForm({ address, text }: { address: string; text: string }) {
  const [typed, setTyped] = useState("");
  const [isLeft, setLeft] = useState(false);
  const prove = useMutation({
    mutationFn: (signature: string) => proveAddress(address, { text, signature }),
  });
  const { proof } = words;
  const check = checkSignature(typed);
  // An empty field is no mistake before somebody wants to send it.
  const isWrong = isLeft && !check.ok && (check.problem !== "empty" || prove.isIdle);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setLeft(true);
    if (check.ok && !prove.isPending) prove.mutate(check.signature);
  };
  const answer = prove.error
    ? isOutcomeUnknown(prove.error)
      ? proof.lost
      : prove.error.message
    : undefined;
  return (
    <form onSubmit={submit} noValidate className="flex flex-col items-start gap-3">
      <div className="w-full">
        <TextField
          label={proof.signature}
          hint={proof.signatureHint}
          error={isWrong ? problemWords(check) : answer}
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setLeft(false);
            prove.reset();
          }}
          onBlur={() => setLeft(typed !== "")}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          className="font-mono text-sm"
        />
      </div>
      <Button kind="primary" type="submit" aria-busy={prove.isPending}>
        {prove.isPending ? proof.opening : proof.open}
      </Button>
    </form>
  );
}

function problemWords(check: SignatureCheck): string | undefined {
  const { proof } = words;
  if (check.ok) return undefined;
  if (check.problem === "wrong_length") return proof.wrongLength(check.digits);
  return check.problem === "empty" ? proof.noSignature : proof.notHex;
}
