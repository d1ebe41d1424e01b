/** The answer of /api/v1/compare, and what may stand on its two sides. */
import type { Light } from "../parts/lights";
import type { Quantity } from "./parameters";

export interface Figure {
  mean: number;
  median: number;
  lower: number;
  upper: number;
}
export interface Answered {
  reference: string;
  answers_for: string;
  parameter_id: string;
  level: string;
  n: number | null;
  origin: string;
  prior_origin: string;
  age_days: number | null;
}
export interface Comparison {
  a: string;
  b: string;
  kind: "references" | "paths";
  type: Quantity;
  as_of: string;
  target: string;
  answers: Answered[];
  notes: string[];
  findings: { light: Light; subject: string; message: string; remedy: string }[];
  figure_a: Figure;
  figure_b: Figure;
  difference: Figure;
  lift: Figure | null;
  p_b_greater: number;
  loss_a: number;
  loss_b: number;
  method: string;
}
