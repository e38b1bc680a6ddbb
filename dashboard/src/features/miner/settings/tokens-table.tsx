import type { OwnToken } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { isInForce } from "@/lib/token";
import { State } from "@/ui/badge";
import { Button } from "@/ui/button";
import { TableHead } from "@/ui/table-head";
import { useNow, When } from "@/ui/when";

/** What a token is called: its note, or else how it ends. */
export const nameOf = ({ label, ending }: OwnToken) => label || `…${ending}`;

export function TokensTable({
  tokens,
  leaving,
  onRevoke,
}: {
  tokens: readonly OwnToken[];
  /** The one that is being revoked. */
  leaving: string | undefined;
  onRevoke: (token: OwnToken) => void;
}) {
  const { columns } = words.tokens;
  return (
    <table className="table">
      <TableHead
        columns={[
          { name: columns.label },
          { name: columns.ending },
          { name: columns.worker },
          { name: columns.made },
          { name: columns.expires },
          { name: columns.act, isNumber: true },
        ]}
      />
      <tbody>
        {tokens.map((token) => (
          <tr key={token.id}>
            <td
              data-label={columns.label}
              data-headline
              className="[overflow-wrap:anywhere] max-sm:!text-left"
            >
              {token.label || <span className="text-muted">{words.tokens.unnamed}</span>}
            </td>
            <td data-label={columns.ending}>
              <code className="font-mono text-[0.86rem]">…{token.ending}</code>
            </td>
            <td data-label={columns.worker}>{token.worker ?? words.tokens.anyWorker}</td>
            <td data-label={columns.made}>
              <When at_ms={token.made_at_ms} />
            </td>
            <td data-label={columns.expires}>
              <Expiry token={token} />
            </td>
            <td data-align="right">
              <Button
                aria-label={words.tokens.revokeNamed(nameOf(token))}
                disabled={leaving === token.id}
                className="min-h-9"
                onClick={() => onRevoke(token)}
              >
                {words.tokens.revoke}
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Expiry({ token }: { token: OwnToken }) {
  const now = useNow();
  if (token.expires_at_ms === null) return <>{words.tokens.never}</>;
  if (!isInForce(token, now)) return <State tone="off">{words.tokens.expired}</State>;
  return <When at_ms={token.expires_at_ms} />;
}
