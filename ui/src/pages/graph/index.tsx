// The graph: what holds, what does not, and what would follow from a change.
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { type Page, useApi } from "../../api/client";
import { type Graph, graphPath, type Outcome, type WhatIf } from "../../api/graphs";
import type { ParameterRow as Row } from "../../api/parameters";
import { useMay, useMe } from "../../app/me";
import { href, navigate, type Route } from "../../app/router";
import { Empty, Loading, Problem, Toggle } from "../../parts";
import { Canvas, type Chosen } from "./Canvas";
import { Contexts } from "./Contexts";
import { Dashboard } from "./Dashboard";
import { begin, freeSlug, reduce } from "./draft";
import { EdgePanel, NodePanel } from "./EdgePanel";
import { EditBar } from "./EditBar";
import { EdgeInspector, NodeInspector } from "./Inspector";
import { type Asking, isChanged, isTicked, NOTHING, narrowed, override, useWhatIf } from "./question";
import { Results } from "./Results";
import { Scenarios } from "./Scenarios";
import "./graph.css";

export default function GraphPage({ route }: { route: Route }) {
  const { project } = useMe();
  const id = route.id || project.graphs[0];
  const graph = useApi<Graph>(id ? graphPath(id) : null);
  useEffect(() => {
    document.title = `${graph.data?.name ?? "Graph"} · Evenfall`;
  }, [graph.data]);
  if (!id)
    return (
      <Empty>
        No graph yet. Put one into graphs/, for example graphs/shop.yaml, and it stands here at once.
      </Empty>
    );
  if (graph.error) return <Problem error={graph.error} retry={graph.reload} />;
  if (!graph.data) return <Loading label="Reading the graph" />;
  return <Loaded graph={graph.data} etag={graph.etag} reload={graph.reload} />;
}

interface Props {
  graph: Graph;
  etag: string;
  reload: () => void;
}

function Loaded({ graph, etag, reload }: Props) {
  const [asking, ask] = useState<Asking>(NOTHING);
  const [chosen, choose] = useState<Chosen>(null);
  const [dashboard, setDashboard] = useState(false);
  const [editing, setEditing] = useState(false);
  const [draft, change] = useReducer(reduce, graph, begin);
  const rows = useApi<Page<Row>>("/parameters?limit=1000").data?.items ?? NO_ROWS;
  const { answer, answeredTo, error, busy } = useWhatIf(graph, asking);
  const all = useRef<WhatIf>(undefined);
  if (answer && !isChanged(answeredTo)) all.current = answer;
  useEffect(() => change({ do: "start", graph }), [graph]);
  const shown = editing ? draft.now : graph;
  const outcomes = useMemo(() => answer?.mixed ?? [], [answer]);
  const part = useMemo(
    () => (Object.keys(answeredTo.ticked).length > 0 && !editing ? narrowed(answer) : NO_OVERRIDES),
    [answer, answeredTo, editing],
  );
  const edge = chosen?.kind === "edge" ? shown.edges.find((one) => one.slug === chosen.slug) : undefined;
  const node = chosen?.kind === "node" ? shown.nodes.find((one) => one.slug === chosen.slug) : undefined;
  const close = useCallback(() => choose(null), []);
  const connect = (from: string, to: string) => {
    const slug = freeSlug(`${from}-to-${to}`, draft.now.edges);
    change({ do: "connect", slug, from, to });
    choose({ kind: "edge", slug });
  };
  const finish = (saved: boolean) => {
    setEditing(false);
    close();
    if (saved) reload();
    else change({ do: "start", graph });
  };
  const edits = {
    draft: draft.now,
    change,
    onClose: close,
    rename: (slug: string) => choose(chosen && { ...chosen, slug }),
  };
  const shows = dashboard && !edge && !node;
  return (
    <div className="graph-page">
      <Toolbar
        {...{ graph, asking, ask, dashboard, editing }}
        setDashboard={(on) => {
          setDashboard(on);
          if (on) close();
        }}
        setEditing={(on) => (on ? setEditing(true) : finish(false))}
      />
      {editing && (
        <EditBar
          {...{ graph, etag, change }}
          editing={draft}
          done={finish}
          added={(kind, slug) => choose({ kind, slug })}
        />
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what is open, wherever the focus is */}
      <div
        className="graph-middle"
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          if (edge || node) close();
          else setDashboard(false);
        }}
      >
        <div className="canvas">
          {shown.nodes.length === 0 && <Empty>No steps yet. Edit the graph to add the first.</Empty>}
          <Canvas
            nodes={shown.nodes}
            edges={shown.edges}
            overrides={editing ? NO_OVERRIDES : asking.overrides}
            narrowed={part}
            outcomes={editing ? NO_OUTCOMES : outcomes}
            chosen={chosen}
            choose={choose}
            editing={editing}
            onMove={(slug, x, y) => change({ do: "node", slug, to: { x: Math.round(x), y: Math.round(y) } })}
            onConnect={connect}
          />
        </div>
        {editing && edge && (
          <EdgeInspector key={edge.slug} edge={edge} parameters={templates(rows)} {...edits} />
        )}
        {editing && node && <NodeInspector key={node.slug} node={node} {...edits} />}
        {!editing && edge && (
          <EdgePanel
            key={edge.slug}
            edge={edge}
            rows={rows}
            override={asking.overrides[edge.slug]}
            set={(value) => ask(override(asking, edge.slug, value))}
            onClose={close}
          />
        )}
        {!editing && node && (
          <NodePanel
            node={node}
            edges={graph.edges}
            outcome={outcomes.find((one) => one.target === node.slug)}
            choose={(slug) => choose({ kind: "edge", slug })}
            onClose={close}
          />
        )}
        {shows && (
          <Dashboard
            rows={rows.filter((row) => !row.graph || row.graph === graph.id)}
            show={(slug) => choose({ kind: "edge", slug })}
            onClose={() => setDashboard(false)}
          />
        )}
      </div>
      {!editing && (
        <Results
          nodes={graph.nodes}
          {...{ answer, error, busy }}
          all={isChanged(answeredTo) ? all.current : undefined}
          set={Object.keys(answeredTo.overrides).length > 0 || Boolean(answeredTo.mix)}
          tall={Boolean(edge) || isChanged(asking)}
          scope={scopeOf(graph, answeredTo)}
          tools={<Scenarios graph={graph} asking={asking} ask={ask} />}
        />
      )}
    </div>
  );
}

const NO_ROWS: Row[] = [];
const NO_OVERRIDES = {};
const NO_OUTCOMES: Outcome[] = [];

/** What an edge may name: a parameter, or the template of slices. */
const templates = (rows: Row[]) =>
  [...new Set(rows.map((row) => row.parameter_id.replace(/\[.*$/, "")))].sort((a, b) => a.localeCompare(b));

function scopeOf(graph: Graph, asking: Asking): string {
  const parts = graph.contexts
    .filter((dimension) => dimension.id in asking.ticked)
    .map(({ id, values }) =>
      values.filter((value) => isTicked(asking, id, value.id)).map((value) => value.label),
    )
    .map((labels) => labels.join(", "));
  return `${parts.join(" · ") || "all traffic"}, 95 % intervals`;
}

interface ToolbarProps {
  graph: Graph;
  asking: Asking;
  ask: (asking: Asking) => void;
  dashboard: boolean;
  setDashboard: (on: boolean) => void;
  editing: boolean;
  setEditing: (on: boolean) => void;
}

function Toolbar({ graph, asking, ask, dashboard, setDashboard, editing, setEditing }: ToolbarProps) {
  const { project } = useMe();
  const may = useMay("editor");
  return (
    <div className="toolbar">
      <h1>{graph.name}</h1>
      {project.graphs.length > 1 && (
        <select
          value={graph.id}
          onChange={(event) => navigate(href("graph", event.target.value))}
          aria-label="Graph"
        >
          {project.graphs.map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
      )}
      {!editing && <Contexts dimensions={graph.contexts} asking={asking} ask={ask} />}
      <span className="grow" />
      {!editing && (
        <Toggle label="Dashboard" checked={dashboard} onChange={setDashboard} testid="dashboard-toggle" />
      )}
      {may && <Toggle label="Edit" checked={editing} onChange={setEditing} testid="edit-toggle" />}
    </div>
  );
}
