// Every page, one line each. Those with a title stand in the navigation, in this order.
import { type ComponentType, lazy } from "react";
import type { Route } from "./router";

export interface PageEntry {
  title?: string;
  component: ComponentType<{ route: Route }>;
}

export const PAGES: Record<string, PageEntry> = {
  graph: { title: "Graph", component: lazy(() => import("../pages/graph")) },
  health: { title: "Health", component: lazy(() => import("../pages/health")) },
  compare: { title: "Compare", component: lazy(() => import("../pages/compare")) },
  funnel: { title: "Funnel", component: lazy(() => import("../pages/funnel")) },
  runs: { title: "Runs", component: lazy(() => import("../pages/runs")) },
  parameter: { component: lazy(() => import("../pages/parameter")) },
};
