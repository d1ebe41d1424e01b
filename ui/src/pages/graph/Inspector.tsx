// The chosen node or edge while the graph is edited.
import { type ReactNode, useState } from "react";
import type { GraphEdge, GraphNode } from "../../api/graphs";
import { Field, percent } from "../../parts";
import { Drawer } from "./Drawer";
import type { Change, Draft } from "./draft";

const SLUG = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

interface Props {
  draft: Draft;
  change: (change: Change) => void;
  rename: (slug: string) => void;
  onClose: () => void;
}

export function NodeInspector({ node, ...props }: Props & { node: GraphNode }) {
  const { draft, change, rename, onClose } = props;
  const edit = (to: Partial<GraphNode>) => change({ do: "node", slug: node.slug, to });
  return (
    <Drawer title="Step" label={`Edit step ${node.slug}`} onClose={onClose}>
      <Slug
        value={node.slug}
        taken={draft.nodes}
        set={(slug) => {
          edit({ slug });
          rename(slug);
        }}
      />
      <Text
        label="Name"
        value={node.name ?? ""}
        set={(name) => edit({ name: name || null })}
        testid="node-name"
      />
      <label className="row">
        <input
          type="checkbox"
          checked={node.outcome}
          onChange={(event) => edit({ outcome: event.target.checked })}
          data-testid="node-outcome"
        />
        An outcome: arrivals here are counted
      </label>
      {node.x !== null && (
        <button type="button" className="button" onClick={() => edit({ x: null, y: null })}>
          Place it automatically
        </button>
      )}
      <Remove
        what="step and its edges"
        testid="remove-node"
        remove={() => change({ do: "remove-node", slug: node.slug })}
      />
    </Drawer>
  );
}

interface EdgeProps extends Props {
  edge: GraphEdge;
  parameters: string[];
}

export function EdgeInspector({ edge, parameters, draft, change, rename, onClose }: EdgeProps) {
  const edit = (to: Partial<GraphEdge>) => change({ do: "edge", slug: edge.slug, to });
  const end = (label: string, key: "from" | "to") => (
    <Field label={label}>
      <select
        value={edge[key]}
        onChange={(event) => edit({ [key]: event.target.value })}
        data-testid={`edge-${key}`}
      >
        {draft.nodes.map(({ slug }) => (
          <option key={slug}>{slug}</option>
        ))}
      </select>
    </Field>
  );
  return (
    <Drawer title="Edge" label={`Edit edge ${edge.slug}`} onClose={onClose}>
      <Slug
        value={edge.slug}
        taken={draft.edges}
        set={(slug) => {
          edit({ slug });
          rename(slug);
        }}
      />
      {end("From", "from")}
      {end("To", "to")}
      <Field label="Rate from" hint="A parameter is updated every night; a fixed rate stays as it is.">
        <select
          value={edge.parameter_id ?? ""}
          onChange={(event) => edit({ parameter_id: event.target.value || null })}
          data-testid="edge-parameter"
        >
          <option value="">a fixed rate</option>
          {parameters.map((id) => (
            <option key={id}>{id}</option>
          ))}
        </select>
      </Field>
      {edge.parameter_id === null && (
        <Text
          label="Fixed rate in %"
          value={percent(edge.mean ?? 0).replace(" %", "")}
          wrong={(text) =>
            Number(text) >= 0 && Number(text) <= 100 ? "" : "A rate lies between 0 and 100 %."
          }
          set={(text) => edit({ mean: Number(text) / 100, lower: null, upper: null })}
          testid="edge-mean"
        />
      )}
      <Remove
        what="edge"
        testid="remove-edge"
        remove={() => change({ do: "remove-edge", slug: edge.slug })}
      />
    </Drawer>
  );
}

interface SlugProps {
  value: string;
  taken: { slug: string }[];
  set: (slug: string) => void;
}

function Slug({ value, taken, set }: SlugProps) {
  const wrong = (text: string) =>
    !SLUG.test(text)
      ? "Letters, digits, - and _; it begins with a letter or digit."
      : text !== value && taken.some(({ slug }) => slug.toLowerCase() === text.toLowerCase())
        ? "Another one has this slug."
        : "";
  return <Text label="Slug" value={value} wrong={wrong} set={set} testid="slug" />;
}

interface TextProps {
  label: ReactNode;
  value: string;
  set: (value: string) => void;
  wrong?: (value: string) => string;
  testid: string;
}

/** A field that takes effect when it is left or Enter is pressed: one step of undo per edit. */
function Text({ label, value, set, wrong = () => "", testid }: TextProps) {
  const [text, setText] = useState<string | null>(null);
  const shown = text ?? value;
  const fault = wrong(shown);
  const take = () => {
    if (text !== null && text !== value && !fault) set(text);
    setText(null);
  };
  return (
    <Field label={label} error={fault}>
      <input
        value={shown}
        aria-invalid={fault !== ""}
        onChange={(event) => setText(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => event.key === "Enter" && take()}
        data-testid={testid}
      />
    </Field>
  );
}

const Remove = ({ what, remove, testid }: { what: string; remove: () => void; testid: string }) => (
  <button type="button" className="button danger" onClick={remove} data-testid={testid}>
    Delete this {what}
  </button>
);
