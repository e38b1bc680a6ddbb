// A change of what an owner sets: sent once, and read again when nobody knows what came of it.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { isOutcomeUnknown, type MinerSettings, settingsQuery } from "@/api/ownership";
import { settings as words } from "@/lib/messages";

export type ChangeState = "idle" | "saving" | "saved" | "refused" | "unknown";

export type Change<V> = {
  state: ChangeState;
  /** Why it was refused, in the node's words. */
  error: string | undefined;
  /** What is known of the settings after a change nobody knows the fate of. */
  note: string;
  /** What is being set at the moment. */
  wanted: V | undefined;
  send: (value: V) => void;
  forget: () => void;
};

function isSettings(answer: unknown): answer is MinerSettings {
  return typeof answer === "object" && answer !== null && "schemes_offered" in answer;
}

/**
 * One kind of change. `onOver` hears when what was typed is of no use any more: it holds now, or
 * nobody knows, and then what is shown has to be what was read.
 */
export function useChange<V, R>(
  address: string,
  send: (value: V) => Promise<R>,
  onOver: (answer: R | null) => void = () => {},
): Change<V> {
  const queryClient = useQueryClient();
  const { queryKey } = settingsQuery(address);
  const refresh = (...keys: (readonly unknown[])[]) =>
    Promise.all(keys.map((key) => queryClient.invalidateQueries({ queryKey: key })));
  const mutation = useMutation({
    mutationFn: send,
    onSuccess: (answer) => {
      const isWhole = isSettings(answer);
      if (isWhole) queryClient.setQueryData(queryKey, answer);
      onOver(answer);
      // Names, thresholds and finders are on other parts of the page as well.
      void refresh(["miner", address], ["blocks"], ["block"]);
      return isWhole ? undefined : refresh(queryKey);
    },
    onError: async (error) => {
      if (!isOutcomeUnknown(error)) return;
      await refresh(queryKey);
      onOver(null);
    },
  });
  const isUnknown = mutation.isError && isOutcomeUnknown(mutation.error);
  const wasRead = isUnknown && queryClient.getQueryState(queryKey)?.status === "success";
  return {
    state: stateOf(mutation.status, isUnknown),
    error: mutation.isError && !isUnknown ? mutation.error.message : undefined,
    note: wasRead ? words.change.readAgain : words.change.notReadAgain,
    wanted: mutation.isPending ? mutation.variables : undefined,
    send: (value) => !mutation.isPending && mutation.mutate(value),
    forget: () => mutation.reset(),
  };
}

function stateOf(status: "idle" | "pending" | "success" | "error", isUnknown: boolean) {
  if (status === "error") return isUnknown ? "unknown" : "refused";
  return ({ idle: "idle", pending: "saving", success: "saved" } as const)[status];
}
