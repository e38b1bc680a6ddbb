// What `schema.d.ts` will say of proving that an address is one's own, as long as it does not.
// Once the document has these paths this file goes away: `ownership.ts` then takes `client` itself,
// and `Labelled` and `FinderHidden` are fields of the generated types.

/** When something ends, or was made, in milliseconds since 1970 by the pool's clock. */
type Time_ms = number;

export type Challenge = { text: string; expires_at_ms: Time_ms; index: number };
export type Proof = { text: string; signature: string };
export type Proved = { session: string; expires_at_ms: Time_ms; index: number };

export type OwnToken = {
  id: string;
  label: string;
  /** Its last characters, by which its owner knows it again. */
  ending: string;
  /** The only worker it lets in. */
  worker: string | null;
  made_at_ms: Time_ms;
  expires_at_ms: Time_ms | null;
};

export type MinerSettings = {
  index: number;
  session_expires_at_ms: Time_ms;
  /** Null takes the pool's. */
  payout_threshold_atomic: string | null;
  pool_payout_threshold_atomic: string;
  /** Null takes what the port or the password says. */
  scheme: string | null;
  schemes_offered: string[];
  is_hidden: boolean;
  is_token_required: boolean;
  tokens: OwnToken[];
  labels: { worker: string; label: string }[];
};

export type SettingsChange = Partial<
  Pick<MinerSettings, "payout_threshold_atomic" | "scheme" | "is_hidden" | "is_token_required">
>;
export type NewToken = { label: string; worker: string | null; expires_at_ms: Time_ms | null };
export type MadeToken = { token: string; id: string; index: number };

/** Fields that are on their way into other answers. */
export type Labelled = { label?: string | null };
export type FinderHidden = { is_finder_hidden?: boolean };

type Answers<Status extends number, Body> = {
  [S in Status]: { headers: Record<string, unknown>; content: { "application/json": Body } };
};
type Nothing = { 204: { headers: Record<string, unknown>; content?: never } };
type Operation<Path, Body, Responses> = {
  parameters: { path: Path };
  responses: Responses;
} & (Body extends null ? unknown : { requestBody: { content: { "application/json": Body } } });
type OfMiner = { address: string };

export type OwnershipPaths = {
  "/api/v1/miners/{address}/challenge": {
    post: Operation<OfMiner, null, Answers<200, Challenge>>;
  };
  "/api/v1/miners/{address}/session": {
    post: Operation<OfMiner, Proof, Answers<201, Proved>>;
    delete: Operation<OfMiner, null, Nothing>;
  };
  "/api/v1/miners/{address}/settings": {
    get: Operation<OfMiner, null, Answers<200, MinerSettings>>;
    patch: Operation<OfMiner, SettingsChange, Answers<200, MinerSettings>>;
  };
  "/api/v1/miners/{address}/workers/{worker}/label": {
    put: Operation<OfMiner & { worker: string }, { label: string }, Answers<200, MinerSettings>>;
  };
  "/api/v1/miners/{address}/tokens": {
    post: Operation<OfMiner, NewToken, Answers<201, MadeToken>>;
  };
  "/api/v1/miners/{address}/tokens/{id}": {
    delete: Operation<OfMiner & { id: string }, null, Nothing>;
  };
};
