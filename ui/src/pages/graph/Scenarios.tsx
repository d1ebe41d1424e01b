// Saved what-ifs: load one, save the present one, look at two side by side.
import { useEffect, useState } from "react";
import { api, type Page, type ProblemError, request, useApi } from "../../api/client";
import { type Graph, type Outcome, type Scenario, scenarioPath, type WhatIf } from "../../api/graphs";
import { useMay } from "../../app/me";
import { chance, DataTable, Dialog, Estimate, Field, Loading, Problem, signed } from "../../parts";
import { type Asking, askingOf, isChanged, NOTHING, questionOf } from "./question";

interface Props {
  graph: Graph;
  asking: Asking;
  ask: (asking: Asking) => void;
}

export function Scenarios({ graph, asking, ask }: Props) {
  const saved = useApi<Page<Scenario>>("/scenarios?limit=1000");
  const [open, setOpen] = useState<"save" | "compare" | null>(null);
  const [loaded, setLoaded] = useState("");
  const may = useMay("analyst");
  const mine = (saved.data?.items ?? []).filter((one) => !one.graph || one.graph === graph.id);
  const load = (id: string) => {
    setLoaded(id);
    const found = mine.find((one) => one.id === id);
    ask(found ? askingOf(found) : NOTHING);
  };
  return (
    <div className="row">
      <select
        value={loaded}
        onChange={(event) => load(event.target.value)}
        aria-label="Load a scenario"
        data-testid="scenario-load"
      >
        <option value="">As it is</option>
        {mine.map(({ id, name }) => (
          <option key={id} value={id}>
            {name || id}
          </option>
        ))}
      </select>
      <button
        type="button"
        className="button"
        disabled={!may || !isChanged(asking)}
        title={may ? "Keep this what-if under a name" : "Analysts may save scenarios"}
        onClick={() => setOpen("save")}
        data-testid="scenario-save"
      >
        Save …
      </button>
      <button
        type="button"
        className="button"
        disabled={mine.length === 0}
        onClick={() => setOpen("compare")}
        data-testid="scenario-compare"
      >
        Compare …
      </button>
      <button
        type="button"
        className="button"
        disabled={!isChanged(asking)}
        onClick={() => load("")}
        data-testid="reset"
      >
        Reset
      </button>
      {open === "save" && (
        <Save
          graph={graph}
          asking={asking}
          taken={mine}
          onClose={() => setOpen(null)}
          done={(id) => {
            saved.reload();
            setLoaded(id);
            setOpen(null);
          }}
        />
      )}
      {open === "compare" && (
        <Compare graph={graph} saved={mine} asking={asking} onClose={() => setOpen(null)} />
      )}
    </div>
  );
}

const idOf = (name: string) =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 64);

interface SaveProps {
  graph: Graph;
  asking: Asking;
  taken: Scenario[];
  onClose: () => void;
  done: (id: string) => void;
}

function Save({ graph, asking, taken, onClose, done }: SaveProps) {
  const [name, setName] = useState("");
  const [error, setError] = useState<ProblemError>();
  const id = idOf(name);
  const replaces = taken.some((one) => one.id === id);
  const save = async () => {
    try {
      const { etag } = replaces ? await request("GET", scenarioPath(id)) : { etag: "" };
      await api.put(scenarioPath(id), { ...questionOf(graph.id, asking), name }, etag);
      done(id);
    } catch (problem) {
      setError(problem as ProblemError);
    }
  };
  return (
    <Dialog
      title="Save this what-if"
      onClose={onClose}
      actions={
        <button
          type="submit"
          form="scenario-form"
          className="button primary"
          disabled={!id}
          data-testid="scenario-save-now"
        >
          {replaces ? "Replace" : "Save"}
        </button>
      }
    >
      <form
        id="scenario-form"
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Field label="Name" hint={id && `${replaces ? "Replaces" : "Written to"} scenarios/${id}.yaml`}>
          <input
            value={name}
            onChange={(event) => setName(event.target.value)}
            maxLength={120}
            data-testid="scenario-name"
          />
        </Field>
        {error && <Problem error={error} />}
      </form>
    </Dialog>
  );
}

interface CompareProps {
  graph: Graph;
  saved: Scenario[];
  asking: Asking;
  onClose: () => void;
}

function Compare({ graph, saved, asking, onClose }: CompareProps) {
  const choices: [string, string, Asking][] = [
    ["now", "What stands on the page", asking],
    ...saved.map((one): [string, string, Asking] => [`saved ${one.id}`, one.name || one.id, askingOf(one)]),
  ];
  const [left, setLeft] = useState(choices[0]?.[0] ?? "");
  const [right, setRight] = useState(choices[1]?.[0] ?? "");
  const sides = [useSide(graph, left, choices), useSide(graph, right, choices)];
  const [a, b] = [sides[0]?.answer, sides[1]?.answer];
  const second = new Map((b?.mixed ?? []).map((outcome) => [outcome.target, outcome]));
  const error = sides[0]?.error ?? sides[1]?.error;
  const pick = (label: string, value: string, set: (value: string) => void, testid: string) => (
    <select
      value={value}
      onChange={(event) => set(event.target.value)}
      aria-label={label}
      data-testid={testid}
    >
      {choices.map(([key, name]) => (
        <option key={key} value={key}>
          {name}
        </option>
      ))}
    </select>
  );
  return (
    <Dialog title="Two what-ifs side by side" onClose={onClose} wide>
      {error ? (
        <Problem error={error} />
      ) : a && b ? (
        <DataTable
          label="Arrivals per entry in both"
          rows={a.mixed}
          rowKey={(row) => row.target}
          columns={[
            { title: "Outcome", cell: (row) => row.target },
            { title: pick("Left", left, setLeft, "compare-left"), cell: (row) => <Side outcome={row} /> },
            {
              title: pick("Right", right, setRight, "compare-right"),
              cell: (row) => <Side outcome={second.get(row.target)} />,
            },
          ]}
        />
      ) : (
        <Loading label="Asking both" />
      )}
      <p className="muted small">Each beside how things are without it, in the same traffic.</p>
    </Dialog>
  );
}

function Side({ outcome }: { outcome?: Outcome }) {
  if (!outcome) return <>–</>;
  const { after, difference, p_greater, p_less } = outcome;
  return (
    <>
      <Estimate {...after} />
      <br />
      <span className="muted small">
        {p_greater + p_less === 0
          ? "unchanged"
          : `${signed(difference.mean)} · P(better) ${chance(p_greater)}`}
      </span>
    </>
  );
}

function useSide(graph: Graph, key: string, choices: [string, string, Asking][]) {
  const [side, setSide] = useState<{ answer?: WhatIf; error?: ProblemError }>({});
  const asking = choices.find(([name]) => name === key)?.[2] ?? NOTHING;
  const asked = JSON.stringify(questionOf(graph.id, asking));
  useEffect(() => {
    const stop = new AbortController();
    api
      .post<WhatIf>("/whatif", JSON.parse(asked), stop.signal)
      .then((answer) => setSide({ answer }))
      .catch((error) => stop.signal.aborted || setSide({ error }));
    return () => stop.abort();
  }, [asked]);
  return side;
}
