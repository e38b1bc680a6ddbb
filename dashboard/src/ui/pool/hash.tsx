import { ExternalLink } from "lucide-react";
import { hashes } from "@/lib/messages";
import { CopyButton } from "../copy";

/** A hash of a block or transaction: short, to copy, and where the pool knows an explorer, a link. */
export function Hash({
  hash,
  url,
  kind,
}: {
  hash: string;
  url: string | null;
  kind: "block" | "transaction";
}) {
  const short = `${hash.slice(0, 8)}…${hash.slice(-6)}`;
  return (
    <span className="inline-flex items-center gap-1">
      {url ? (
        <a
          href={url}
          target="_blank"
          rel="noreferrer"
          title={hash}
          className="link inline-flex items-center gap-1 font-mono text-[0.86rem]"
        >
          {short}
          <ExternalLink size={13} aria-label={hashes.explorer} />
        </a>
      ) : (
        <span title={hash} className="font-mono text-[0.86rem]">
          {short}
        </span>
      )}
      <CopyButton text={hash} label={hashes.copy[kind]} className="-my-1 size-7" />
    </span>
  );
}
