import { miner } from "@/lib/messages";
import type { WorkerState as WorkerStateName } from "@/lib/worker";
import { State, type Tone } from "../badge";

const TONES: Record<WorkerStateName, Tone> = {
  ok: "good",
  low: "warn",
  offline: "bad",
  banned: "off",
};

export function WorkerState({ state, detail }: { state: WorkerStateName; detail?: string }) {
  return (
    <span title={detail ?? miner.stateWords[state]}>
      <State tone={TONES[state]}>{miner.states[state]}</State>
    </span>
  );
}
