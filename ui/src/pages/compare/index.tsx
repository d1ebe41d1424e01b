/** B beside A: which is better, how surely, and what a wrong choice costs. */
import { useEffect, useState } from "react";
import { api, type Page as Paged, type ProblemError, useApi } from "../../api/client";
import type { Comparison } from "../../api/compare";
import { useMe } from "../../app/me";
import { navigate, type Route } from "../../app/router";
import { Empty, Field, Loading, Page, Problem } from "../../parts";
import "../pages.css";
import { Result } from "./Result";

interface Edge {
  slug: string;
}
interface GraphShape {
  nodes: { slug: string; name: string | null; outcome: boolean }[];
  edges: Edge[];
  contexts: { id: string; values: { id: string }[] }[];
}

/** What may be compared, as people write it: slices, saved what-ifs, references of edges. */
function suggestions(graph: GraphShape | undefined, scenarios: { id: string }[]): string[] {
  const slices = (graph?.contexts ?? []).flatMap((one) => one.values.map((value) => `${one.id}=${value.id}`));
  const saved = scenarios.map((one) => `scenario:${one.id}`);
  const edges = (graph?.edges ?? []).map((one) => `e.${one.slug}.p.mean`);
  return [...slices, ...saved, ...edges];
}

/** The first two slices of every context. */
function pairs(graph: GraphShape | undefined): [string, string][] {
  return (graph?.contexts ?? []).flatMap(({ id, values: [one, other] }): [string, string][] =>
    one && other ? [[`${id}=${one.id}`, `${id}=${other.id}`]] : [],
  );
}

export default function ComparePage({ route }: { route: Route }) {
  const me = useMe();
  const [graph, setGraph] = useState(route.query.get("graph") ?? me.project.graphs[0] ?? "");
  const [a, setA] = useState(route.query.get("a") ?? "");
  const [b, setB] = useState(route.query.get("b") ?? "");
  const [to, setTo] = useState(route.query.get("to") ?? "");
  const shape = useApi<GraphShape>(graph ? `/graphs/${encodeURIComponent(graph)}` : null);
  const scenarios = useApi<Paged<{ id: string }>>("/scenarios");
  const answer = useCompared(route);
  const outcomes = shape.data?.nodes.filter((node) => node.outcome) ?? [];
  const references = [a, b].some((side) => side.startsWith("e."));
  const target = references ? "" : to || outcomes[0]?.slug || "";
  const run = () => {
    const asked = { a, b, ...(!references && { graph, to: target }) };
    navigate(`#/compare?${new URLSearchParams(asked)}`);
  };
  return (
    <Page title="Compare" note="Two slices, two saved what-ifs, or two references">
      <form
        className="card form"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <datalist id="sides">
          {suggestions(shape.data, scenarios.data?.items ?? []).map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <Side name="A" value={a} set={setA} />
        <Side name="B" value={b} set={setB} />
        {me.project.graphs.length > 1 && (
          <Field label="Graph">
            <select
              data-testid="compare-graph"
              value={graph}
              onChange={(event) => setGraph(event.target.value)}
            >
              {me.project.graphs.map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </Field>
        )}
        <Field label="Arrivals at">
          <select
            data-testid="compare-to"
            value={target}
            disabled={references}
            onChange={(event) => setTo(event.target.value)}
          >
            {references && <option value="">the references themselves</option>}
            {outcomes.map((node) => (
              <option key={node.slug} value={node.slug}>
                {node.name || node.slug}
              </option>
            ))}
          </select>
        </Field>
        <div className="actions">
          <button type="submit" className="button primary" data-testid="compare-run" disabled={!a || !b}>
            Compare
          </button>
        </div>
      </form>
      {answer.error && <Problem error={answer.error} />}
      {answer.loading && <Loading label="Comparing" />}
      {answer.data && <Result answer={answer.data} />}
      {!answer.data && !answer.error && !answer.loading && (
        <Empty>
          Name two sides
          {pairs(shape.data).map(([one, other], at) => (
            <span key={one}>
              {at === 0 ? ", such as " : ", or "}
              <a
                href={`#/compare?${new URLSearchParams({ a: one, b: other, graph, to: target })}`}
                onClick={() => {
                  setA(one);
                  setB(other);
                }}
              >
                {one} beside {other}
              </a>
            </span>
          ))}
          .
        </Empty>
      )}
    </Page>
  );
}

function Side({ name, value, set }: { name: "A" | "B"; value: string; set: (to: string) => void }) {
  return (
    <Field label={name} hint="slice, scenario:NAME, or e.EDGE.p.mean">
      <input
        list="sides"
        size={28}
        spellCheck={false}
        data-testid={`compare-${name.toLowerCase()}`}
        value={value}
        onChange={(event) => set(event.target.value)}
      />
    </Field>
  );
}

/** The answer to what stands in the address, so that a comparison can be kept as a link. */
function useCompared({ query }: Route) {
  const asked = query.get("a") && query.get("b") ? query.toString() : "";
  const [state, setState] = useState<{ data?: Comparison; error?: ProblemError; loading: boolean }>({
    loading: false,
  });
  useEffect(() => {
    if (!asked) return;
    const stop = new AbortController();
    setState({ loading: true });
    api.get<Comparison>(`/compare?${asked}`, stop.signal).then(
      (data) => setState({ data, loading: false }),
      (error) => stop.signal.aborted || setState({ error, loading: false }),
    );
    return () => stop.abort();
  }, [asked]);
  return state;
}
