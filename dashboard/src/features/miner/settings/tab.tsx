import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { forgetSettings, type MadeToken, settingsQuery } from "@/api/ownership";
import { endSession, type SessionState, useSessionState } from "@/api/session";
import { Loaded } from "@/ui/panel";
import { HiddenSection } from "./hidden";
import { LabelsSection } from "./labels";
import { Proof } from "./proof";
import { RequiredSection } from "./required";
import { SchemeSection } from "./scheme";
import { SessionBar } from "./session-bar";
import { ThresholdSection } from "./threshold";
import { TokenMade } from "./token-made";
import { TokensSection } from "./tokens";

/** What only the owner of an address may set, after a proof that it is theirs. */
export default function SettingsTab({ address }: { address: string }) {
  const state = useSessionState(address);
  const session = typeof state === "object" ? state : null;
  // Here, because it is shown only once, and the session may end while it is looked at.
  const [made, setMade] = useState<(MadeToken & { worker: string | null }) | null>(null);
  const queryClient = useQueryClient();
  useEffect(() => {
    if (session === null) {
      forgetSettings(queryClient, address);
      return;
    }
    const left_ms = session.ends_at_ms - Date.now();
    const timer = setTimeout(() => endSession(address, "expired"), left_ms);
    return () => clearTimeout(timer);
  }, [session, address, queryClient]);
  return (
    <div ref={useFocusKept(session !== null)} tabIndex={-1} className="outline-none">
      <TokenMade made={made} onDone={() => setMade(null)} />
      {session === null ? (
        <Proof address={address} ending={typeof state === "string" ? state : null} />
      ) : (
        <>
          <SessionBar address={address} session={session} />
          <Settings address={address} onMade={setMade} />
        </>
      )}
    </div>
  );
}

export type Ending = Extract<SessionState, string>;

/** Whoever had the focus in what is gone goes on here, and not at the top of the page. */
function useFocusKept(isOwner: boolean) {
  const element = useRef<HTMLDivElement>(null);
  const was = useRef(isOwner);
  useEffect(() => {
    if (was.current === isOwner) return;
    was.current = isOwner;
    if (document.activeElement === document.body) element.current?.focus({ preventScroll: true });
  }, [isOwner]);
  return element;
}

function Settings({
  address,
  onMade,
}: {
  address: string;
  onMade: (made: MadeToken & { worker: string | null }) => void;
}) {
  const query = useQuery(settingsQuery(address));
  return (
    <Loaded query={query} skeleton={<SettingsSkeleton />}>
      {(settings) => (
        <>
          <ThresholdSection address={address} settings={settings} />
          <SchemeSection address={address} settings={settings} />
          <HiddenSection address={address} settings={settings} />
          <RequiredSection address={address} settings={settings} />
          <TokensSection address={address} settings={settings} onMade={onMade} />
          <LabelsSection address={address} settings={settings} />
        </>
      )}
    </Loaded>
  );
}

function SettingsSkeleton() {
  return (
    <div className="flex flex-col gap-5 border-t border-line p-5 max-sm:p-4" aria-hidden>
      {["threshold", "scheme", "hidden", "required", "tokens"].map((name) => (
        <span key={name} className="skeleton h-28 w-full rounded-lg" />
      ))}
    </div>
  );
}
