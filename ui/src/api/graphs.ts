// Shapes of graphs, what-if answers and scenarios.
import type { Light } from "../parts";

export interface GraphNode {
  slug: string;
  name: string | null;
  outcome: boolean;
  x: number | null;
  y: number | null;
}

export interface GraphEdge {
  slug: string;
  from: string;
  to: string;
  parameter_id: string | null;
  parameters: string[];
  light: Light;
  detail: string;
  since: string | null;
  mean: number | null;
  lower: number | null;
  upper: number | null;
  n: number | null;
  observed: number | null;
  expected: { mean: number; stdev: number | null } | null;
  sigma: number | null;
  stdev: number | null;
  cost: number | { mean: number; stdev: number } | null;
  latency: boolean;
  incident: number | null;
}

export interface Dimension {
  id: string;
  name: string;
  values: { id: string; label: string; share: number | null }[];
}

export interface Graph {
  id: string;
  name: string;
  file: string;
  etag: string;
  as_of: string;
  currency: string;
  nodes: GraphNode[];
  edges: GraphEdge[];
  contexts: Dimension[];
}

export type Override = number | { mean: number; stdev: number };

/** What POST /whatif is asked; a scenario is one with an id and a name. */
export interface Question {
  graph?: string;
  overrides: Record<string, Override>;
  select: Record<string, string[]>;
  mix?: Record<string, number> | null;
}

export interface Scenario extends Partial<Question> {
  id: string;
  name?: string;
  note?: string;
}

export interface Figure {
  mean: number;
  lower: number;
  upper: number;
}

export interface Outcome {
  target: string;
  before: Figure;
  after: Figure;
  difference: Figure;
  lift: Figure | null;
  p_greater: number;
  p_less: number;
}

export interface WhatIf {
  graph: string;
  mixed: Outcome[];
  /** The rate of every edge over the ticked part of the traffic. */
  edges: { edge: string; mean: number; lower: number; upper: number; n: number }[];
  notes: string[];
  findings: { subject: string; light: Light; message: string; remedy: string }[];
}

export const graphPath = (id: string) => `/graphs/${encodeURIComponent(id)}`;
export const scenarioPath = (id: string) => `/scenarios/${encodeURIComponent(id)}`;
