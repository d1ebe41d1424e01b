// Where everything stands: nodes by dagre from left to right (a saved place wins), lines through the free
// rows between them, and a label on each line that covers no node and no other label.
import dagre from "@dagrejs/dagre";

export interface Point {
  x: number;
  y: number;
}
export interface Size {
  width: number;
  height: number;
}
export interface Box extends Point, Size {}
export interface NodeIn extends Size {
  slug: string;
  at: Point | null;
}
export interface EdgeIn {
  slug: string;
  from: string;
  to: string;
  label: Size;
}
/** A line as cubic curves, its label, and the point of the line that the label belongs to. */
export interface Route {
  path: string;
  label: Box;
  anchor: Point;
}
export interface Layout {
  nodes: Map<string, Box>;
  routes: Map<string, Route>;
}
type Curve = [Point, Point, Point, Point];

const GAP = { nodesep: 56, edgesep: 28 };
const RANK_GAPS = [84, 64, 48, 36, 26]; // the widest that fits the room is taken
const AIR = 5; // pixels between a label and its neighbours
const LOOKS = 200; // free places that are weighed per label
const SAMPLES = 12; // points per curve
const PORT = 8; // pixels between two lines at one side of a node

/** Lay a graph out; `room` is the width to fit, where that can be had. */
export function layOut(nodes: NodeIn[], edges: EdgeIn[], room = Infinity): Layout {
  let arranged = arrange(nodes, edges, RANK_GAPS[0] as number);
  for (const gap of RANK_GAPS.slice(1))
    if (widthOf(arranged.boxes) > room) arranged = arrange(nodes, edges, gap);
  const { boxes, bends } = arranged;
  const lines = drawLines(boxes, bends, edges);
  const labels = placeLabels(edges, lines, [...boxes.values()]);
  const routes = new Map<string, Route>();
  for (const { slug } of edges) {
    const [curves, label] = [lines.get(slug), labels.get(slug)];
    if (curves && label) routes.set(slug, { path: pathOf(curves), ...label });
  }
  return { nodes: boxes, routes };
}

/** Boxes of the nodes, and per edge the points where it passes between nodes of other ranks. */
function arrange(nodes: NodeIn[], edges: EdgeIn[], ranksep: number) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", ranksep, ...GAP });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { slug, width, height } of nodes) graph.setNode(slug, { width, height });
  for (const { slug, from, to, label } of edges)
    graph.setEdge(from, to, { width: 0, height: label.height * 0.6, labelpos: "c" }, slug);
  dagre.layout(graph);
  const boxes = new Map<string, Box>();
  for (const { slug, at, width, height } of nodes) {
    const { x, y } = graph.node(slug);
    boxes.set(slug, { ...(at ?? { x: x - width / 2, y: y - height / 2 }), width, height });
  }
  const bends = new Map<string, Point[]>();
  const moved = new Set(nodes.filter((node) => node.at).map((node) => node.slug));
  const columns = nodes.filter((node) => !node.at).map((node) => boxes.get(node.slug) as Box);
  for (const { slug, from, to } of edges) {
    const found = moved.has(from) || moved.has(to) || from === to ? [] : graph.edge(from, to, slug).points;
    bends.set(slug, across(found.slice(1, -1), columns));
  }
  return { boxes, bends };
}

function widthOf(boxes: Map<string, Box>): number {
  const all = [...boxes.values()];
  return Math.max(...all.map((box) => box.x + box.width)) - Math.min(...all.map((box) => box.x));
}

/** Of a line's points those beside nodes, stretched over the width of these nodes. */
function across(points: Point[], columns: Box[]): Point[] {
  return points.flatMap((point, at) => {
    const ranked = columns.filter((box) => Math.abs(box.x + box.width / 2 - point.x) < 2);
    if (ranked.length === 0) return [];
    const half = Math.max(...ranked.map((box) => box.width)) / 2;
    const back = at > 0 ? (points[at - 1]?.x ?? 0) > point.x : (points[1]?.x ?? Infinity) < point.x;
    const ends = [point.x - half, point.x + half].map((x) => ({ x, y: point.y }));
    return back ? ends.reverse() : ends;
  });
}

function drawLines(
  boxes: Map<string, Box>,
  bends: Map<string, Point[]>,
  edges: EdgeIn[],
): Map<string, Curve[]> {
  const ends = edges.flatMap(({ slug, from, to }) => {
    const [a, b] = [boxes.get(from), boxes.get(to)];
    if (!a || !b) return [];
    const via = bends.get(slug) ?? [];
    const forward = from === to || (via[0]?.x ?? b.x + b.width / 2) > a.x + a.width / 2;
    return [{ slug, from, to, a, b, via, forward }];
  });
  const ports = spread(
    ends.flatMap(({ slug, from, to, a, b, via, forward }) => [
      { key: `${slug} out`, side: `${from} ${forward}`, toward: (via[0] ?? middle(b)).y, room: a.height },
      { key: `${slug} in`, side: `${to} ${!forward}`, toward: (via.at(-1) ?? middle(a)).y, room: b.height },
    ]),
  );
  const lines = new Map<string, Curve[]>();
  for (const { slug, from, to, a, b, via, forward } of ends) {
    const start = { x: forward ? a.x + a.width : a.x, y: middle(a).y + (ports.get(`${slug} out`) ?? 0) };
    const stop = { x: forward ? b.x : b.x + b.width, y: middle(b).y + (ports.get(`${slug} in`) ?? 0) };
    lines.set(slug, from === to ? [loop(a)] : curvesThrough([start, ...via, stop]));
  }
  return lines;
}

interface Port {
  key: string;
  side: string;
  toward: number;
  room: number;
}

/** Offsets that keep lines apart where they meet a node, in the order of where they go. */
function spread(ports: Port[]): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const side of new Set(ports.map((port) => port.side))) {
    const group = ports.filter((port) => port.side === side);
    group.sort((p, q) => p.toward - q.toward);
    const step = Math.min(PORT, ((group[0]?.room ?? 0) - 12) / group.length);
    group.forEach((port, at) => {
      offsets.set(port.key, (at - (group.length - 1) / 2) * step);
    });
  }
  return offsets;
}

function curvesThrough(points: Point[]): Curve[] {
  return points.slice(1).map((to, at) => {
    const from = points[at] as Point;
    const reach = Math.max(Math.abs(to.x - from.x) / 2, from.y === to.y ? 0 : 16) * (to.x < from.x ? -1 : 1);
    return [from, { x: from.x + reach, y: from.y }, { x: to.x - reach, y: to.y }, to];
  });
}

function loop(box: Box): Curve {
  const [top, mid] = [box.y, box.x + box.width / 2];
  const [rise, half] = [56, box.width / 4];
  return [
    { x: mid + half, y: top },
    { x: mid + half, y: top - rise },
    { x: mid - half, y: top - rise },
    { x: mid - half, y: top },
  ];
}

const middle = (box: Box): Point => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
const num = (x: number) => Math.round(x * 10) / 10;
const pathOf = (curves: Curve[]) =>
  curves.map(([a, b, c, d], at) => (at ? "" : `M${num(a.x)},${num(a.y)}`) + bezier(b, c, d)).join("");
const bezier = (...points: Point[]) => `C${points.map(({ x, y }) => `${num(x)},${num(y)}`).join(" ")}`;

/** Points along a line, evenly per curve. */
function sample(curves: Curve[]): Point[] {
  return curves.flatMap(([a, b, c, d]) =>
    Array.from({ length: SAMPLES }, (_, at) => {
      const t = (at + 0.5) / SAMPLES;
      const [w0, w1, w2, w3] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
      return { x: w0 * a.x + w1 * b.x + w2 * c.x + w3 * d.x, y: w0 * a.y + w1 * b.y + w2 * c.y + w3 * d.y };
    }),
  );
}

export const overlap = (a: Box, b: Box, air = 0) =>
  a.x < b.x + b.width + air &&
  b.x < a.x + a.width + air &&
  a.y < b.y + b.height + air &&
  b.y < a.y + a.height + air;

interface Placed {
  label: Box;
  anchor: Point;
}

/** Each label where it costs least: near the middle of its own line, off other lines, never on a box. */
function placeLabels(edges: EdgeIn[], lines: Map<string, Curve[]>, boxes: Box[]): Map<string, Placed> {
  const points = new Map([...lines].map(([slug, curves]) => [slug, sample(curves)]));
  const placed = new Map<string, Placed>();
  const shortFirst = edges
    .filter(({ slug }) => points.has(slug))
    .sort((a, b) => (points.get(a.slug)?.length ?? 0) - (points.get(b.slug)?.length ?? 0));
  for (let pass = 0; pass < 3; pass++)
    for (const edge of shortFirst) {
      placed.delete(edge.slug);
      const taken = [...boxes, ...[...placed.values()].map((other) => other.label)];
      const strangers = [...points].filter(([slug]) => slug !== edge.slug).flatMap(([, line]) => line);
      placed.set(edge.slug, cheapest(edge.label, points.get(edge.slug) ?? [], taken, strangers));
    }
  return placed;
}

function cheapest(size: Size, line: Point[], taken: Box[], strangers: Point[]): Placed {
  const reach = 260;
  const near = (x: number, y: number) => (p: Point) => Math.abs(p.x - x) < reach && Math.abs(p.y - y) < reach;
  const centre = line[Math.floor(line.length / 2)] as Point;
  const span = Math.max(...line.map((p) => Math.abs(p.x - centre.x) + Math.abs(p.y - centre.y)));
  const others = strangers.filter(near(centre.x, centre.y));
  const tries = line.flatMap((anchor, at) => {
    const off = Math.abs(at / (line.length - 1) - 0.5) * Math.min(span, 120) * 0.6;
    return OFFSETS.map((by) => ({ anchor, by, cost: off + (Math.abs(by.x) * 1.2 + Math.abs(by.y)) * 0.5 }));
  });
  tries.sort((a, b) => a.cost - b.cost);
  let best: Placed | null = null;
  let least = Infinity;
  let looked = 0;
  for (const { anchor, by, cost } of tries) {
    if (cost >= least || looked >= LOOKS) break; // what follows only costs more
    const label = boxAround(anchor, size, by.x, by.y);
    if (taken.some((box) => overlap(box, label, AIR))) continue;
    looked++;
    const dear = cost + ambiguity(label, anchor, others) + (crosses(anchor, label, taken) ? 80 : 0);
    if (dear < least) [least, best] = [dear, { label, anchor }];
  }
  return best ?? { label: below(size, centre, taken), anchor: centre };
}

/** How easily a label is taken for another line's: strangers below it, or nearer to it than its own. */
function ambiguity(label: Box, anchor: Point, strangers: Point[]): number {
  const centre = middle(label);
  const away = (p: Point) =>
    Math.max(0, Math.abs(p.x - centre.x) - label.width / 2) +
    Math.max(0, Math.abs(p.y - centre.y) - label.height / 2);
  const below = strangers.filter((p) => inside(p, label)).length;
  const nearest = strangers.reduce((least, p) => Math.min(least, away(p)), 60);
  return 5 * below + 1.5 * Math.max(0, away(anchor) - nearest);
}

/** Whether the straight way from a label to its line passes a box. */
function crosses(anchor: Point, label: Box, taken: Box[]): boolean {
  const centre = middle(label);
  const steps = [0.15, 0.3, 0.45, 0.6, 0.75].map((t) => ({
    x: anchor.x + (centre.x - anchor.x) * t,
    y: anchor.y + (centre.y - anchor.y) * t,
  }));
  return taken.some((box) => steps.some((p) => inside(p, box)));
}

const OFFSETS: Point[] = [
  0, 8, -8, 16, -16, 24, -24, 32, -32, 40, -40, 52, -52, 64, -64, 84, -84, 108, -108,
].flatMap((y) => [0, 24, -24, 56, -56].map((x) => ({ x, y })));
const boxAround = (at: Point, { width, height }: Size, x: number, y: number): Box => ({
  x: at.x + x - width / 2,
  y: at.y + y - height / 2,
  width,
  height,
});
const inside = (p: Point, box: Box) =>
  p.x > box.x - 2 && p.x < box.x + box.width + 2 && p.y > box.y - 2 && p.y < box.y + box.height + 2;

/** The last resort: under everything that stands in this column. */
function below(size: Size, at: Point, taken: Box[]): Box {
  let box = boxAround(at, size, 0, 0);
  for (;;) {
    const hit = taken.find((other) => overlap(other, box, AIR));
    if (!hit) return box;
    box = { ...box, y: hit.y + hit.height + AIR + 1 };
  }
}
