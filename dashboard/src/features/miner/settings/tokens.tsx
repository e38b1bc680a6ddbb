import { useState } from "react";
import { type MadeToken, type MinerSettings, type OwnToken, revokeToken } from "@/api/ownership";
import { settings as words } from "@/lib/messages";
import { Empty } from "@/ui/panel";
import { useChange } from "./change";
import { ChangeNote } from "./change-note";
import { Confirm } from "./confirm";
import { Section } from "./section";
import { TokenForm } from "./token-form";
import { nameOf, TokensTable } from "./tokens-table";

/** The tokens of an address: seen, made and revoked. */
export function TokensSection({
  address,
  settings,
  onMade,
}: {
  address: string;
  settings: MinerSettings;
  onMade: (made: MadeToken & { worker: string | null }) => void;
}) {
  const { tokens } = words;
  const [asked, setAsked] = useState<OwnToken | null>(null);
  const revoke = useChange(address, (id: string) => revokeToken(address, id));
  return (
    <Section title={tokens.title} text={tokens.text} wide>
      {settings.tokens.length === 0 ? (
        <Empty title={tokens.empty}>{tokens.emptyText}</Empty>
      ) : (
        <TokensTable tokens={settings.tokens} leaving={revoke.wanted} onRevoke={setAsked} />
      )}
      <div className="px-5 py-2 empty:hidden max-sm:px-4">
        {revoke.error && (
          <p role="alert" className="text-sm text-bad">
            {revoke.error}
          </p>
        )}
        <ChangeNote change={revoke} />
      </div>
      <TokenForm address={address} onMade={onMade} />
      <Confirm
        isOpen={asked !== null}
        title={tokens.revokeTitle}
        act={tokens.revoke}
        onClose={() => setAsked(null)}
        onConfirm={() => asked && revoke.send(asked.id)}
      >
        {asked && tokens.revokeText(nameOf(asked))}
      </Confirm>
    </Section>
  );
}
