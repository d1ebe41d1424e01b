// A graph being edited: every change makes a new draft, so that undo is the one before.
import type { Graph, GraphEdge, GraphNode } from "../../api/graphs";

export interface Draft {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface Editing {
  past: Draft[];
  now: Draft;
  future: Draft[];
}

export type Change =
  | { do: "start"; graph: Graph }
  | { do: "node"; slug: string; to: Partial<GraphNode> }
  | { do: "edge"; slug: string; to: Partial<GraphEdge> }
  | { do: "add-node"; slug: string }
  | { do: "connect"; slug: string; from: string; to: string }
  | { do: "remove-node"; slug: string }
  | { do: "remove-edge"; slug: string }
  | { do: "undo" }
  | { do: "redo" };

export function reduce(editing: Editing, change: Change): Editing {
  const { past, now, future } = editing;
  if (change.do === "start") return begin(change.graph);
  if (change.do === "undo") {
    const before = past.at(-1);
    return before ? { past: past.slice(0, -1), now: before, future: [now, ...future] } : editing;
  }
  if (change.do === "redo") {
    const [after, ...rest] = future;
    return after ? { past: [...past, now], now: after, future: rest } : editing;
  }
  return { past: [...past, now], now: changed(now, change), future: [] };
}

export const begin = ({ nodes, edges }: Graph): Editing => ({ past: [], now: { nodes, edges }, future: [] });

function changed({ nodes, edges }: Draft, change: Exclude<Change, { do: "start" | "undo" | "redo" }>): Draft {
  const patch = <T extends { slug: string }>(list: T[], to: Partial<T>) =>
    list.map((one) => (one.slug === change.slug ? { ...one, ...to } : one));
  switch (change.do) {
    case "node":
      return { nodes: patch(nodes, change.to), edges: renamed(edges, change.slug, change.to.slug) };
    case "edge":
      return { nodes, edges: patch(edges, change.to) };
    case "add-node":
      return {
        nodes: [...nodes, { slug: change.slug, name: null, outcome: false, x: null, y: null }],
        edges,
      };
    case "connect":
      return { nodes, edges: [...edges, newEdge(change.slug, change.from, change.to)] };
    case "remove-node":
      return {
        nodes: nodes.filter(({ slug }) => slug !== change.slug),
        edges: edges.filter(({ from, to }) => from !== change.slug && to !== change.slug),
      };
    case "remove-edge":
      return { nodes, edges: edges.filter(({ slug }) => slug !== change.slug) };
  }
}

function renamed(edges: GraphEdge[], old: string, slug = old): GraphEdge[] {
  const follow = (end: string) => (end === old ? slug : end);
  return edges.map((edge) => ({ ...edge, from: follow(edge.from), to: follow(edge.to) }));
}

const newEdge = (slug: string, from: string, to: string): GraphEdge => ({
  ...{ slug, from, to, parameter_id: null, parameters: [], light: "grey", detail: "", since: null, n: null },
  ...{ mean: 0.5, lower: null, upper: null, observed: null, expected: null, sigma: null, stdev: null },
  ...{ cost: null, latency: false, incident: null },
});

/** A slug that nobody has yet: `step`, `step-2`, … */
export function freeSlug(wanted: string, taken: { slug: string }[]): string {
  const names = new Set(taken.map(({ slug }) => slug));
  for (let at = 1; ; at++) {
    const slug = at === 1 ? wanted : `${wanted}-${at}`;
    if (!names.has(slug)) return slug;
  }
}

/** What PUT wants: every node and edge that stays, each with what differs from the file. */
export function bodyOf(graph: Graph, { nodes, edges }: Draft) {
  const oldNodes = new Map(graph.nodes.map((node) => [node.slug, node]));
  const oldEdges = new Map(graph.edges.map((edge) => [edge.slug, edge]));
  return {
    nodes: nodes.map((node) => ({
      slug: node.slug,
      ...differing(oldNodes.get(node.slug), node, ["name", "outcome", "x", "y"]),
    })),
    edges: edges.map((edge) => {
      const { slug, from, to, parameter_id, mean } = edge;
      const old = oldEdges.get(slug);
      const fixed = parameter_id === null && (old?.parameter_id !== null || old?.mean !== mean);
      const source = parameter_id !== (old?.parameter_id ?? null) ? { parameter_id } : {};
      return {
        slug,
        from,
        to,
        ...source,
        ...(fixed && { mean }),
        ...(parameter_id && old && !old.parameter_id && { mean: null, stdev: null }),
      };
    }),
  };
}

function differing<T extends object>(old: T | undefined, now: T, keys: (keyof T)[]): Partial<T> {
  const blank = (value: unknown) => value === null || value === false;
  const kept = keys.filter((key) => (old ? old[key] !== now[key] : !blank(now[key])));
  return Object.fromEntries(kept.map((key) => [key, now[key]])) as Partial<T>;
}
