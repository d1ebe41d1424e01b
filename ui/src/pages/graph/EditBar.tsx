import { useState } from "react";
import { api, type ProblemError } from "../../api/client";
import { type Graph, graphPath } from "../../api/graphs";
import { Problem } from "../../parts";
import { bodyOf, type Change, type Editing, freeSlug } from "./draft";

interface Props {
  graph: Graph;
  etag: string;
  editing: Editing;
  change: (change: Change) => void;
  added: (kind: "node" | "edge", slug: string) => void;
  /** Editing is over; `saved` says whether the file changed. */
  done: (saved: boolean) => void;
}

/** Tools of the edit mode: add, undo, redo, and write the graph into its file. */
export function EditBar({ graph, etag, editing, change, added, done }: Props) {
  const [commit, setCommit] = useState(false);
  const [error, setError] = useState<ProblemError>();
  const [saving, setSaving] = useState(false);
  const { now, past, future } = editing;
  const addNode = () => {
    const slug = freeSlug("step", now.nodes);
    change({ do: "add-node", slug });
    added("node", slug);
  };
  const addEdge = () => {
    const [from, to] = [now.nodes[0]?.slug ?? "", now.nodes.at(-1)?.slug ?? ""];
    const slug = freeSlug("edge", now.edges);
    change({ do: "connect", slug, from, to });
    added("edge", slug);
  };
  const save = async () => {
    setSaving(true);
    try {
      await api.put(graphPath(graph.id), { ...bodyOf(graph, now), commit }, etag);
      done(true);
    } catch (problem) {
      setError(problem as ProblemError);
      setSaving(false);
    }
  };
  const button = (label: string, onClick: () => void, testid: string, disabled = false) => (
    <button type="button" className="button" onClick={onClick} disabled={disabled} data-testid={testid}>
      {label}
    </button>
  );
  return (
    <section className="edit-bar" aria-label="Edit the graph">
      <div className="row">
        {button("+ Step", addNode, "add-node")}
        {button("+ Edge", addEdge, "add-edge", now.nodes.length === 0)}
        {button("Undo", () => change({ do: "undo" }), "undo", past.length === 0)}
        {button("Redo", () => change({ do: "redo" }), "redo", future.length === 0)}
        <span className="muted small">Drag steps; drag from side to side to connect.</span>
        <span className="grow" />
        <label className="row">
          <input
            type="checkbox"
            checked={commit}
            onChange={(event) => setCommit(event.target.checked)}
            data-testid="commit"
          />
          with a Git commit
        </label>
        {button("Discard", () => done(false), "discard-graph")}
        <button
          type="button"
          className="button primary"
          onClick={save}
          disabled={past.length === 0 || saving}
          title={`Writes ${graph.file}`}
          data-testid="save-graph"
        >
          Save to {graph.file}
        </button>
      </div>
      {error?.status === 412 ? (
        <div className="problem" role="alert" data-testid="conflict">
          <strong>Someone changed {graph.file} since you opened it. Nothing was saved.</strong>
          <p>Read it again to see their version; what you changed here is then gone.</p>
          {button("Read it again", () => done(true), "reload-graph")}
        </div>
      ) : (
        error && <Problem error={error} />
      )}
    </section>
  );
}
