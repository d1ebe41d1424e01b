// Every page, one line each. Those with a title stand in the navigation, in this order.
import { type ComponentType, lazy } from "react";
import type { Route } from "./router";

export interface PageEntry {
  title?: string;
  component: ComponentType<{ route: Route }>;
}

export const PAGES: Record<string, PageEntry> = {
  graph: { title: "Graph", component: lazy(() => import("../pages/graph")) },
};
