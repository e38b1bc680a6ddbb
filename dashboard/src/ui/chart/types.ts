export type Marker = { at_ms: number; kind: "block" | "payout"; label: string };

export type Line = {
  name: string;
  /** One value for each time; null where there is none. */
  values: (number | null)[];
  format: (value: number) => string;
};

export type ChartData = {
  /** In milliseconds, ascending. */
  times: number[];
  lines: Line[];
  /** Shown beside the lines in the readout and the table, and not drawn. */
  counts?: Line[];
  markers?: Marker[];
  /** Length of a step, in milliseconds. */
  step_ms: number;
};
