import { expect, test } from "vitest";
import { type Box, type EdgeIn, layOut, type NodeIn, overlap } from "./layout";

const label = { width: 92, height: 50 };
const node = (slug: string, at: NodeIn["at"] = null): NodeIn => ({ slug, at, width: 100, height: 40 });
const edge = (from: string, to: string, slug = `${from}-${to}`): EdgeIn => ({ slug, from, to, label });

function collisions(nodes: NodeIn[], edges: EdgeIn[]): string[] {
  const { nodes: boxes, routes } = layOut(nodes, edges);
  expect(routes.size).toBe(edges.length);
  const labels = [...routes].map(([slug, route]): [string, Box] => [slug, route.label]);
  return labels.flatMap(([slug, box], at) => [
    ...[...boxes].filter(([, other]) => overlap(box, other)).map(([name]) => `${slug} on node ${name}`),
    ...labels.filter(([, other], i) => i > at && overlap(box, other)).map(([name]) => `${slug} on ${name}`),
  ]);
}

test("a funnel with a cycle, skipped ranks and two lines between the same nodes has no label on another", () => {
  const nodes = ["a", "b", "c", "d", "e", "f"].map((slug) => node(slug));
  const pairs = ["ab", "ac", "ad", "bd", "cd", "de", "df", "ef", "eb", "af"];
  const edges = [...pairs.map(([from, to]) => edge(from as string, to as string)), edge("d", "e", "again")];
  expect(collisions(nodes, [...edges, edge("c", "c", "stay")])).toEqual([]);
});

test("random graphs of any density have no label on a node or on another label", () => {
  let seed = 7; // a linear congruential generator: the same graphs on every machine
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (let round = 0; round < 12; round++) {
    const nodes = Array.from({ length: 4 + Math.floor(random() * 14) }, (_, at) => node(`n${at}`));
    const pick = () => nodes[Math.floor(random() * nodes.length)]?.slug as string;
    const edges = Array.from({ length: nodes.length * 2 }, (_, at) => edge(pick(), pick(), `e${at}`));
    expect(collisions(nodes, edges)).toEqual([]);
  }
});

test("a saved place wins over the computed one", () => {
  const { nodes } = layOut([node("a", { x: 500, y: 9 }), node("b")], [edge("a", "b")]);
  expect(nodes.get("a")).toMatchObject({ x: 500, y: 9 });
});

test("steps run from left to right", () => {
  const { nodes } = layOut([node("c"), node("b"), node("a")], [edge("a", "b"), edge("b", "c")]);
  const x = (slug: string) => nodes.get(slug)?.x as number;
  expect(x("a") + 100).toBeLessThan(x("b"));
  expect(x("b") + 100).toBeLessThan(x("c"));
});
