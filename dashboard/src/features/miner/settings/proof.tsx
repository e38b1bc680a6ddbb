import { useMutation } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { askChallenge, type Challenge } from "@/api/ownership";
import type { Ending } from "@/api/session";
import { poolNow } from "@/lib/clock";
import { settings as words } from "@/lib/messages";
import { signCommand } from "@/lib/signing";
import { formatMinutes } from "@/lib/time";
import { Button } from "@/ui/button";
import { CopyLine } from "@/ui/copy";
import { useNow } from "@/ui/when";
import { SignatureForm } from "./signature-form";
import { Step } from "./step";

/** How the owner of an address proves that it is theirs. */
export function Proof({ address, ending }: { address: string; ending: Ending | null }) {
  const challenge = useMutation({ mutationFn: () => askChallenge(address) });
  const { proof } = words;
  return (
    <div className="px-5 py-6 max-sm:px-4">
      {ending && (
        <p role="status" className="mb-4 max-w-prose rounded-lg border border-line bg-raised p-3">
          {words.endings[ending]}
        </p>
      )}
      <h2 className="flex items-center gap-2 text-[1.05rem] font-semibold">
        <ShieldCheck size={19} aria-hidden className="text-accent" /> {proof.title}
      </h2>
      <p className="mt-1 max-w-prose">{proof.text}</p>
      <p className="mt-1 max-w-prose text-muted">
        {proof.safe} {proof.lasts}
      </p>
      <Button
        kind={challenge.data ? "plain" : "primary"}
        className="mt-4"
        aria-busy={challenge.isPending}
        onClick={() => !challenge.isPending && challenge.mutate()}
      >
        {challenge.isPending ? proof.asking : challenge.data ? proof.askAgain : proof.ask}
      </Button>
      {challenge.error && (
        <p role="alert" className="mt-2 max-w-prose text-sm text-bad">
          {challenge.error.message}
        </p>
      )}
      {challenge.data && (
        <Steps key={challenge.data.text} address={address} challenge={challenge.data} />
      )}
    </div>
  );
}

function Steps({ address, challenge }: { address: string; challenge: Challenge }) {
  const { proof } = words;
  return (
    <div className="mt-6 flex max-w-[52rem] flex-col gap-6">
      <Step title={proof.text_step}>
        <CopyLine text={challenge.text} label={proof.copyText} wrap />
        <p className="mt-1.5 text-sm text-muted">
          {proof.text_check} <Holds ends_at_ms={challenge.expires_at_ms} />
        </p>
      </Step>
      <Step title={proof.sign_step}>
        <p className="mb-2 text-sm text-muted">{proof.sign_how}</p>
        <CopyLine text={signCommand(challenge.text)} label={proof.copyCommand} wrap />
        <p className="mt-1.5 text-sm text-muted">{proof.sign_shell}</p>
      </Step>
      <Step title={proof.paste_step}>
        <SignatureForm address={address} text={challenge.text} />
      </Step>
    </div>
  );
}

/** How long the text is still good for. */
function Holds({ ends_at_ms }: { ends_at_ms: number }) {
  useNow();
  const left_ms = ends_at_ms - poolNow();
  if (left_ms <= 0) return <span className="text-warn">{words.proof.overdue}</span>;
  return <>{words.proof.holds(formatMinutes(left_ms))}</>;
}
