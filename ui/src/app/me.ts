// Who is asking, and of which project: read once by the shell.
import { createContext, useContext } from "react";

export type Role = "viewer" | "analyst" | "editor" | "admin";

export interface Me {
  member: string;
  role: Role;
  tenant: string;
  keys: boolean;
  project: { name: string; graphs: string[] };
  as_of: string;
  zone: string;
  currency: string;
  version: string;
}

const RANK: Role[] = ["viewer", "analyst", "editor", "admin"];

export const MeContext = createContext<Me | null>(null);

export function useMe(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error("a page outside the shell");
  return me;
}

/** Whether the caller's role reaches `role`: hide or disable what the server would refuse. */
export function useMay(role: Role): boolean {
  return RANK.indexOf(useMe().role) >= RANK.indexOf(role);
}
