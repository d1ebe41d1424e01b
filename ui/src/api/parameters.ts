/** Shapes of /api/v1/parameters, and the words people read for their keys. */
import type { Light } from "../parts/lights";

export interface ParameterRow {
  parameter_id: string;
  name: string;
  type: Quantity;
  light: Light;
  outcome: string;
  prior_mean: number | null;
  prior_stdev: number | null;
  prior_origin: string;
  posterior_mean: number | null;
  posterior_stdev: number | null;
  lower: number | null;
  upper: number | null;
  size: number | null;
  total: number | null;
  observed: number | null;
  sigma: number | null;
  read_at: string | null;
  age_days: number | null;
  detail: string;
  remedy: string;
  config_error: string;
  since?: string | null;
  incident?: number | null;
  edge?: string | null;
  graph?: string | null;
  tags?: string[];
  template_id?: string | null;
}
export type Quantity = "probability" | "rate" | "mean" | "duration";
export interface ParameterPage {
  items: ParameterRow[];
  next: string | null;
  total: number;
  counts: Record<Light, number>;
}
export type Numbers = Record<string, number>;
export interface Editable {
  prior: (Numbers & { distribution?: string }) | null;
  value: { mean?: number; stdev?: number } | null;
}
export interface Parameter extends ParameterRow {
  file: string;
  line: number;
  definition_hash: string;
  edge_reference: string;
  context_filter: Record<string, string>;
  prior: Numbers;
  posterior: Numbers;
  etag: string;
  description?: string | null;
  distribution: string;
  editable: Editable;
  refresh_frequency: string;
  level?: string | null;
}
export interface Curves {
  scale: Quantity;
  x: number[];
  prior: number[] | null;
  posterior: number[] | null;
  observed: number[] | null;
  interval: { lower: number | null; upper: number | null };
  drawn: boolean;
  window: { first: string; stop: string; size: number } | null;
}
export interface BandPoint {
  as_of: string;
  mean: number | null;
  lower: number | null;
  upper: number | null;
  observed: number | null;
  light: Light;
  outcome: string;
  published: boolean;
}
export interface BandPrior {
  since: string;
  version: number;
  mean: number;
  stdev: number;
  origin: string;
  reason: string;
}
export interface Band {
  points: BandPoint[];
  priors: BandPrior[];
  incidents: {
    id: number;
    opened_on: string;
    resolved_on: string | null;
    since: string | null;
    message: string;
    state: "open" | "ack" | "resolved";
  }[];
}
export interface HistoryRow {
  timestamp: string;
  mean: number | null;
  stdev: number | null;
  source: string;
  who: string | null;
  detail: string | null;
}
export interface LedgerRow {
  first: string;
  stop: string;
  age: string;
  slice: string;
  size: number;
  total: number;
  squares: number;
  query_hash: string | null;
  seen_at: string;
  version: number;
  backfilled: boolean;
}
export interface Lineage {
  parameter_id: string;
  file: string;
  line: number;
  definition_hash: string;
  revision: string | null;
  dirty: boolean;
  author: string | null;
  query: string | null;
  query_hash: string | null;
  source: {
    type: string;
    connection: string | null;
    read_at: string | null;
    age_days: number | null;
  } | null;
  prior_origin: string | null;
  prior_version: number | null;
  fallback_level: string | null;
  answered_by: string | null;
  fit_id: number | null;
  inputs_hash: string | null;
  fitted: boolean;
}
export interface FitQuantity {
  name: string;
  mean: number | null;
  stdev: number | null;
  lower: number | null;
  upper: number | null;
  overlap: number | null;
  identified: boolean;
}
export interface Fit {
  parameter_id: string;
  as_of: string;
  published: boolean;
  engine: string;
  rung: string;
  passed: boolean;
  quantities: FitQuantity[];
  figures: { name: string; value: number | null; limit: string; holds: boolean | null }[];
  tried: [string, string][];
  failures: string[];
  warnings: string[];
  notes: string[];
  stands_since: string | null;
  seconds: number;
  seed: number;
}
interface Drawn {
  quantity: string;
  quantities: string[];
  weighted: boolean;
  r_hat: number | null;
  ess_bulk: number | null;
  ess_tail: number | null;
}
export interface Trace extends Drawn {
  chains: (number | null)[][];
}
export interface Ranks extends Drawn {
  bins: number[];
  chains: number[][];
  expected: number | null;
  lower: number | null;
  upper: number | null;
}
export interface Predictive {
  kind: "replicated" | "exact";
  as_of: string;
  detail: string;
  checks: {
    unit: string;
    rows: {
      name: string;
      observed: number | null;
      mean: number | null;
      lower: number | null;
      upper: number | null;
      p: number | null;
    }[];
    poor: string[];
    draws: number;
  }[];
  exact: {
    statistic: string;
    n: number;
    observed: number;
    discrete: boolean;
    x: number[];
    density: (number | null)[];
    mean: number | null;
    lower: number;
    upper: number;
    mid_p: number;
    belief: string;
  } | null;
}
export interface Feasibility {
  feasible: boolean;
  message: string | null;
  remedy: string | null;
  mean: number | null;
  stdev: number | null;
  lower: number | null;
  upper: number | null;
  numbers: Numbers | null;
  x: number[] | null;
  density: number[] | null;
}
export interface ForecastDay {
  day: string;
  expected: number;
  rate_lower: number;
  rate_upper: number;
  lower: number;
  upper: number;
  extrapolated: boolean;
}
export interface Forecast {
  reference: string;
  parameter_id: string;
  as_of: string;
  days: ForecastDay[];
  total: ForecastDay;
}

/** The path of one parameter: an id is one segment, whatever it holds. */
export const parameterPath = (id: string, part = "") =>
  `/parameters/${encodeURIComponent(id)}${part ? `/${part}` : ""}`;

/** Where a page of this program shows one parameter. */
export const parameterLink = (id: string) => `#/parameter/${encodeURIComponent(id)}`;

/** What the three sums of the ledger count, by the kind of quantity. */
export const SUMS: Record<Quantity, [string, string, string]> = {
  probability: ["Trials", "Successes", ""],
  rate: ["Exposure", "Events", ""],
  mean: ["n", "Sum", "Sum of squares"],
  duration: ["n", "Sum of logs", "Sum of squared logs"],
};
