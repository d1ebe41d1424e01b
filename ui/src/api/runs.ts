/** Shapes of /api/v1/runs: what a night did, does, or would do. */

export type RunState = "queued" | "running" | "completed" | "failed" | "cancelled";

interface Head {
  run_key: string;
  kind: string;
  as_of: string;
  state: RunState;
  ended: string | null;
  attempt: number;
  progress: number;
  done: number;
  total: number;
  label: string;
  counts: Record<string, number>;
  error: { message: string; remedy: string; traceback: string | null } | null;
  started_at: string | null;
  finished_at: string | null;
  seconds: number | null;
}
export interface Run extends Head {
  failures: number;
}
export interface Failure {
  parameter_id: string;
  outcome: string;
  message: string;
  remedy: string;
  traceback: string | null;
}
export interface Task {
  parameter_id: string;
  /** Each day to be read; of a run that was, how many. */
  windows: [string, string][] | number;
  why?: Record<string, number>;
  read?: [string, string] | null;
  publish_due: boolean;
  skipped: string | null;
}
export interface RunDetail extends Head {
  failures: Failure[];
  failed: number;
  plan: Task[] | null;
}
export interface Plan {
  run_key: string;
  as_of: string;
  tasks: Task[];
}
export const runPath = (key: string) => `/runs/${encodeURIComponent(key)}`;
export const isOver = (state: RunState) => state !== "queued" && state !== "running";
