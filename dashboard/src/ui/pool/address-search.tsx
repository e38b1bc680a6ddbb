import { useNavigate } from "@tanstack/react-router";
import { ArrowRight } from "lucide-react";
import { type FormEvent, useState } from "react";
import { type AddressPrefix, checkAddress, shortAddress } from "@/lib/address";
import { addresses } from "@/lib/messages";
import { forgetAddresses, useRecentAddresses } from "@/lib/recent";
import { Button } from "../button";
import { TextField } from "../field";

/** Takes an address to its page, after the browser has checked it; remembers the last five. */
export function AddressSearch({ prefix }: { prefix: AddressPrefix | undefined }) {
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const recent = useRecentAddresses();
  const navigate = useNavigate();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const check = checkAddress(typed, prefix);
    if (!check.ok) return setProblem(addresses.problems[check.problem]);
    void navigate({ to: "/miner/$address", params: { address: check.address } });
  };
  const open = (address: string) => navigate({ to: "/miner/$address", params: { address } });
  return (
    <form onSubmit={submit} noValidate>
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <TextField
            label={addresses.search}
            value={typed}
            onChange={(event) => {
              setTyped(event.target.value);
              setProblem(null);
            }}
            error={problem}
            placeholder={addresses.placeholder(prefix ?? "xel")}
            spellCheck={false}
            autoComplete="off"
            autoCapitalize="none"
            enterKeyHint="go"
            className="font-mono text-sm"
          />
        </div>
        <Button kind="primary" type="submit" className={problem ? "mb-[1.72rem]" : ""}>
          {addresses.open} <ArrowRight size={15} aria-hidden />
        </Button>
      </div>
      {recent.length > 0 && (
        <div className="mt-2.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
          <span className="text-muted">{addresses.recent}</span>
          {recent.map((address) => (
            <button
              key={address}
              type="button"
              title={address}
              onClick={() => open(address)}
              className="min-h-6 font-mono text-[0.83rem] hover:text-accent hover:underline"
            >
              {shortAddress(address)}
            </button>
          ))}
          <button
            type="button"
            className="min-h-6 text-muted hover:text-ink hover:underline"
            onClick={forgetAddresses}
          >
            {addresses.clear}
          </button>
        </div>
      )}
    </form>
  );
}
