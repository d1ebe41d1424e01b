/** The question and the answer of /api/v1/funnel. */

export interface Conversion {
  trials: number;
  successes: number;
  rate: number | null;
  mean: number | null;
  lower: number | null;
  upper: number | null;
}
export interface Delay {
  n: number;
  median: number | null;
  p90: number | null;
}
export interface Step {
  name: string;
  optional: boolean;
  count: number;
  previous: string | null;
  from_previous: Conversion | null;
  from_entry: Conversion | null;
  delay_from_previous: Delay | null;
  delay_from_entry: Delay | null;
}
export interface Cohort {
  day: string;
  entries: number;
  by_age: (number | null)[];
  conversion: Conversion | null;
}
export interface Funnel {
  question: Record<string, unknown>;
  entries: number;
  open_entries: number;
  steps: Step[];
  cohorts: Cohort[];
  until: string;
}
export interface EventTable {
  table: string;
  connection: string;
  events: string[];
  /** By role (user, session, event, time, node), those that are there. */
  columns: Record<string, string>;
  /** Why nothing is known of its events. */
  problem: string;
}
