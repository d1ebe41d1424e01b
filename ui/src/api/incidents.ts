/** Shapes of /api/v1/incidents and /api/v1/sources. */
import type { Light } from "../parts/lights";

export interface Incident {
  id: number;
  parameter_id: string;
  kind: string;
  opened_on: string;
  state: "open" | "ack" | "acknowledged" | "resolved";
  since: string | null;
  message: string;
  resolved_on: string | null;
  acked_at: string | null;
  acked_by: string;
  note: string;
  light: Light | null;
  age_days: number | null;
}
export interface Source {
  connection: string;
  type: string;
  state: string;
  read_at: string | null;
  age_days: number | null;
  parameters: number;
  detail: string | null;
}
