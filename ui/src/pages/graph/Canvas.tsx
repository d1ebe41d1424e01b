// The funnel drawn: React Flow around the layout, with nodes and lines of our own.
import {
  Background,
  BaseEdge,
  type Connection,
  Controls,
  type Edge,
  EdgeLabelRenderer,
  type EdgeProps,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { createContext, useContext, useEffect, useMemo, useRef } from "react";
import type { GraphEdge, GraphNode, Outcome, Override } from "../../api/graphs";
import { count, LightMark, percent } from "../../parts";
import { type Layout, layOut, type Route } from "./layout";
import type { Narrowed } from "./question";

export type Chosen = { kind: "edge" | "node"; slug: string } | null;

interface Props {
  nodes: GraphNode[];
  edges: GraphEdge[];
  overrides: Record<string, Override>;
  /** Rates in the part of the traffic that is ticked, where they differ from the whole. */
  narrowed: Narrowed;
  outcomes: Outcome[];
  chosen: Chosen;
  choose: (chosen: Chosen) => void;
  editing: boolean;
  onMove: (slug: string, x: number, y: number) => void;
  onConnect: (from: string, to: string) => void;
}

const Choosing = createContext<Pick<Props, "chosen" | "choose">>({ chosen: null, choose: () => undefined });

type StepNode = Node<{ node: GraphNode; outcome?: Outcome; changed: boolean }, "step">;
type StepEdge = Edge<{ edge: GraphEdge; route: Route; override?: Override }, "rate">;

const NODE_HEIGHT = 40;
const LINE = 16;

let measuring: CanvasRenderingContext2D | null = null;
function textWidth(text: string): number {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return text.length * 7.5;
  measuring.font = "600 12px system-ui";
  return measuring.measureText(text).width;
}

/** Three lines: the light and the rate, its interval, what it rests on. */
function linesOf(edge: GraphEdge, override?: Override): [string, string, string] {
  if (override !== undefined) {
    const mean = typeof override === "number" ? override : override.mean;
    return [percent(mean), `was ${percent(edge.mean)}`, "set by you"];
  }
  if (edge.mean === null) return ["no rate", "", ""];
  if (edge.parameters.length === 0) return [percent(edge.mean), "", "fixed"];
  const around =
    edge.lower === null || edge.upper === null ? "" : `[${bare(edge.lower)}, ${bare(edge.upper)}]`;
  return [percent(edge.mean), around, edge.n === null ? "" : `n ${count(Math.round(edge.n))}`];
}
const bare = (x: number) => percent(x).replace(" %", "");

const nameOf = (node: GraphNode) => node.name || node.slug;

const PADDING = 16; // pixels of the canvas kept free on each side

function useLayout(nodes: GraphNode[], edges: GraphEdge[], room: number): Layout {
  return useMemo(
    () =>
      layOut(
        nodes.map((node) => {
          const { slug, x, y } = node;
          const width = Math.min(140, Math.max(80, Math.ceil(textWidth(nameOf(node))) + 18));
          return { slug, at: x === null || y === null ? null : { x, y }, width, height: NODE_HEIGHT };
        }),
        edges.map((edge) => {
          const [head, ...rest] = linesOf(edge);
          const width = Math.ceil(Math.max(textWidth(head) + 18, ...rest.map(textWidth)) + 14);
          return { slug: edge.slug, from: edge.from, to: edge.to, label: { width, height: 3 * LINE + 6 } };
        }),
        room - 2 * PADDING,
      ),
    [nodes, edges, room],
  );
}

export function Canvas(props: Props) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({
  nodes,
  edges,
  overrides,
  narrowed,
  outcomes,
  chosen,
  choose,
  editing,
  onMove,
  onConnect,
}: Props) {
  const [room, height] = [useStore((store) => store.width), useStore((store) => store.height)];
  const layout = useLayout(nodes, edges, room || window.innerWidth);
  const flow = useReactFlow();
  const drawn = useMemo(() => drawNodes(nodes, layout, outcomes), [nodes, layout, outcomes]);
  const lines = useMemo(
    () => drawEdges(edges, layout, overrides, narrowed),
    [edges, layout, overrides, narrowed],
  );
  const laid = useRef(layout);
  laid.current = layout;
  // biome-ignore lint/correctness/useExhaustiveDependencies: fitted again when the room or the number of steps changes
  useEffect(() => {
    if (room && height) fitInto(flow, laid.current, room, height);
  }, [flow, room, height, nodes.length]);
  const choosing = useMemo(() => ({ chosen, choose }), [chosen, choose]);
  return (
    <Choosing value={choosing}>
      <ReactFlow
        className={editing ? "editing" : ""}
        nodes={drawn}
        edges={lines}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        nodesDraggable={editing}
        nodesConnectable={editing}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        deleteKeyCode={null}
        minZoom={0.3}
        maxZoom={2}
        proOptions={{ hideAttribution: true }}
        onEdgeClick={(_, edge) => choose({ kind: "edge", slug: edge.id })}
        onPaneClick={() => choose(null)}
        onNodeDragStop={(_, node) => onMove(node.id, node.position.x, node.position.y)}
        onConnect={({ source, target }: Connection) => onConnect(source, target)}
        aria-label="The funnel, from left to right"
      >
        <Background gap={24} size={1} />
        <Controls showInteractive={false} onFitView={() => fitInto(flow, layout, room, height)} />
        <svg className="arrowheads" aria-hidden="true">
          <defs>
            {["red", "amber", "green", "grey", "stale"].map((light) => (
              <marker
                key={light}
                id={`arrow-${light}`}
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="8"
                markerHeight="8"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0,0.5 8,4 0,7.5z" className={`arrow-${light}`} />
              </marker>
            ))}
          </defs>
        </svg>
      </ReactFlow>
    </Choosing>
  );
}

/** The whole drawing in view, its labels too, no larger than its own size by more than a little. */
function fitInto(flow: ReturnType<typeof useReactFlow>, layout: Layout, room: number, height: number) {
  const boxes = [...layout.nodes.values(), ...[...layout.routes.values()].map((route) => route.label)];
  if (boxes.length === 0) return;
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const w = Math.max(...boxes.map((box) => box.x + box.width)) - x;
  const h = Math.max(...boxes.map((box) => box.y + box.height)) - y;
  const zoom = Math.min((room - 2 * PADDING) / w, (height - 2 * PADDING) / h, 1.15);
  flow.setViewport({ x: (room - w * zoom) / 2 - x * zoom, y: (height - h * zoom) / 2 - y * zoom, zoom });
}

/** By the columns the steps stand in: an order that another width does not change, nor take the focus by. */
function leftToRight(layout: Layout, a: string, b: string): number {
  const centre = (slug: string) => {
    const box = layout.nodes.get(slug);
    return box ? Math.round(box.x + box.width / 2) : 0;
  };
  return centre(a) - centre(b);
}

function drawNodes(nodes: GraphNode[], layout: Layout, outcomes: Outcome[]): StepNode[] {
  const reached = new Map(outcomes.map((outcome) => [outcome.target, outcome]));
  return nodes
    .map((node): StepNode => {
      const { x, y, ...size } = layout.nodes.get(node.slug) ?? { x: 0, y: 0, width: 80, height: NODE_HEIGHT };
      const outcome = reached.get(node.slug);
      const changed = Boolean(outcome && (outcome.p_greater > 0 || outcome.p_less > 0));
      return {
        id: node.slug,
        type: "step",
        position: { x, y },
        ...size,
        measured: size,
        data: { node, outcome, changed },
      };
    })
    .sort((a, b) => leftToRight(layout, a.id, b.id) || a.id.localeCompare(b.id));
}

function drawEdges(
  edges: GraphEdge[],
  layout: Layout,
  overrides: Record<string, Override>,
  narrowed: Narrowed,
): StepEdge[] {
  return edges
    .flatMap((edge): StepEdge[] => {
      const route = layout.routes.get(edge.slug);
      if (!route) return [];
      const data = { edge: { ...edge, ...narrowed[edge.slug] }, route, override: overrides[edge.slug] };
      return [{ id: edge.slug, source: edge.from, target: edge.to, type: "rate", data }];
    })
    .sort(
      (a, b) =>
        leftToRight(layout, a.source, b.source) ||
        leftToRight(layout, a.target, b.target) ||
        a.id.localeCompare(b.id),
    );
}

function Step({ data: { node, outcome, changed } }: NodeProps<StepNode>) {
  const { chosen, choose } = useContext(Choosing);
  const mine = chosen?.kind === "node" && chosen.slug === node.slug;
  return (
    <>
      <Handle type="target" position={Position.Left} />
      <button
        type="button"
        className={`step ${node.outcome ? "outcome" : ""}`}
        aria-pressed={mine}
        onClick={() => choose({ kind: "node", slug: node.slug })}
        data-testid={`node-${node.slug}`}
        title={nameOf(node)}
      >
        <span className="step-name">{nameOf(node)}</span>
        {node.outcome && (
          <span className={`step-reached small ${changed ? "changed" : ""}`}>
            <span aria-hidden="true">⚑ </span>
            <span className="unseen">outcome, reached by </span>
            {outcome ? percent(outcome.after.mean) : "outcome"}
          </span>
        )}
      </button>
      <Handle type="source" position={Position.Right} />
    </>
  );
}

function Rate({ id, data }: EdgeProps<StepEdge>) {
  const { chosen, choose } = useContext(Choosing);
  if (!data) return null;
  const { edge, route, override } = data;
  const { label, anchor, path } = route;
  const [head, around, rests] = linesOf(edge, override);
  const mine = chosen?.kind === "edge" && chosen.slug === id;
  const side = { x: label.x + label.width / 2, y: label.y + label.height / 2 };
  const away =
    Math.abs(anchor.y - side.y) > label.height / 2 || Math.abs(anchor.x - side.x) > label.width / 2;
  return (
    <>
      {away && <path className="leader" d={`M${anchor.x},${anchor.y}L${side.x},${side.y}`} />}
      <BaseEdge
        path={path}
        className={`rate rate-${edge.light} ${mine ? "chosen" : ""}`}
        markerEnd={`url(#arrow-${edge.light})`}
        interactionWidth={16}
      />
      <EdgeLabelRenderer>
        <button
          type="button"
          className={`rate-label nodrag nopan rate-label-${edge.light} ${override === undefined ? "" : "set"}`}
          style={{
            transform: `translate(${label.x}px, ${label.y}px)`,
            width: label.width,
            height: label.height,
          }}
          aria-pressed={mine}
          onClick={() => choose({ kind: "edge", slug: id })}
          data-testid={`edge-${id}`}
          data-light={edge.light}
          title={`${id}: ${edge.detail || "nothing known yet"}`}
        >
          <span className="unseen">
            {id}, from {edge.from} to {edge.to}:{" "}
          </span>
          <span className="rate-text" data-testid={`label-${id}`}>
            <LightMark light={edge.light} testid={`light-${id}`} /> <strong>{head}</strong>{" "}
            <span>{around}</span> <span className="muted">{rests}</span>
          </span>
        </button>
      </EdgeLabelRenderer>
    </>
  );
}

const NODE_TYPES = { step: Step };
const EDGE_TYPES = { rate: Rate };
