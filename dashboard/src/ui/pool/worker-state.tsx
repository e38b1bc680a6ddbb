import { miner } from "@/lib/messages";
import type { WorkerState as WorkerStateName } from "@/lib/worker";
import { State, type Tone } from "../badge";

const TONES: Record<WorkerStateName, Tone> = {
  ok: "good",
  low: "warn",
  offline: "bad",
  disabled: "off",
};

export function WorkerState({ state }: { state: WorkerStateName }) {
  return (
    <span title={miner.stateWords[state]}>
      <State tone={TONES[state]}>{miner.states[state]}</State>
    </span>
  );
}
