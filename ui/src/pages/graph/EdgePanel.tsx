// What is known of one edge: why it has its light, what it was expected to be, how it came here.
import { useCallback } from "react";
import { useApi } from "../../api/client";
import type { GraphEdge, GraphNode, Outcome, Override as Value } from "../../api/graphs";
import type { ParameterRow as Row } from "../../api/parameters";
import { href } from "../../app/router";
import {
  Chart,
  count,
  day,
  Estimate,
  type Ink,
  LIGHTS,
  LightMark,
  Loading,
  percent,
  sigmas,
  significant,
  Words,
} from "../../parts";
import { Drawer } from "./Drawer";
import { Override } from "./Override";

interface EdgeProps {
  edge: GraphEdge;
  rows: Row[];
  override: Value | undefined;
  set: (value: Value | null) => void;
  onClose: () => void;
}

export function EdgePanel({ edge, rows, override, set, onClose }: EdgeProps) {
  const mine = rows.filter((row) => edge.parameters.includes(row.parameter_id));
  const worst = mine.find((row) => row.light === edge.light) ?? mine[0];
  const main =
    edge.parameter_id && edge.parameters.includes(edge.parameter_id)
      ? edge.parameter_id
      : worst?.parameter_id;
  return (
    <Drawer
      title={
        <>
          <LightMark light={edge.light} /> {edge.slug}
        </>
      }
      label={`Edge ${edge.slug}`}
      onClose={onClose}
    >
      <p className="muted small">
        {edge.from} → {edge.to}
        {worst?.name && worst.name !== edge.slug && ` · ${worst.name}`}
      </p>
      <div className={`verdict verdict-${edge.light}`} data-testid="panel-light">
        <strong>{LIGHTS[edge.light].group}</strong>
        <p>
          <Words text={edge.detail || "No night has looked at this edge yet."} />
        </p>
        {worst?.remedy && (
          <p className="muted small">
            <Words text={worst.remedy} sentence />
          </p>
        )}
      </div>
      <Override edge={edge} value={override} set={set} />
      <dl className="facts">
        <dt>Posterior</dt>
        <dd>
          <Estimate mean={edge.mean} lower={edge.lower} upper={edge.upper} />
        </dd>
        <dt>Expected</dt>
        <dd>
          {edge.expected ? `${percent(edge.expected.mean)} ± ${percent(edge.expected.stdev)}` : "–"}
          {worst?.prior_origin && <span className="muted small origin">{worst.prior_origin}</span>}
        </dd>
        <dt>Observed</dt>
        <dd>
          {percent(edge.observed)} <span className="muted small">of all evidence that counts</span>
        </dd>
        {edge.sigma !== null && (
          <>
            <dt>Away by</dt>
            <dd>
              {sigmas(edge.sigma)} σ <span className="muted small">in the last check's window</span>
            </dd>
          </>
        )}
        <dt>n</dt>
        <dd>{count(edge.n)}</dd>
        {edge.since && (
          <>
            <dt>Since</dt>
            <dd>{day(edge.since)}</dd>
          </>
        )}
      </dl>
      {main && <Band id={main} />}
      {main && <Fit id={main} />}
      {edge.parameters.length > 1 && <Slices ids={edge.parameters} rows={mine} />}
      {main && (
        <a className="button" href={href("parameter", main)} data-testid="panel-parameter">
          Open the parameter {main} →
        </a>
      )}
      {!main && <p className="muted">A fixed rate: no parameter stands behind this edge.</p>}
    </Drawer>
  );
}

interface BandPoint {
  as_of: string;
  mean: number | null;
  lower: number | null;
  upper: number | null;
}

function Band({ id }: { id: string }) {
  const band = useApi<{ points: BandPoint[] }>(`/parameters/${encodeURIComponent(id)}/band`);
  const points = band.data?.points.filter((point) => point.mean !== null);
  const option = useCallback((ink: Ink) => sparkline(points ?? [], ink), [points]);
  if (!points) return band.error ? null : <Loading label="Reading its nights" />;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 2) return null;
  return (
    <section className="stack-1">
      <h3>Night by night</h3>
      <Chart
        option={option}
        height={88}
        label={`Posterior with 95 % interval: ${percent(first.mean)} on ${day(first.as_of)}, ${percent(last.mean)} on ${day(last.as_of)}`}
        testid="panel-band"
      />
      <p className="muted small ends">
        <span>
          {day(first.as_of)}: {percent(first.mean)}
        </span>
        <span>
          {day(last.as_of)}: {percent(last.mean)}
        </span>
      </p>
    </section>
  );
}

function sparkline(points: BandPoint[], ink: Ink) {
  const line = {
    type: "line",
    symbol: "none",
    silent: true,
    stack: "band",
    stackStrategy: "all",
    lineStyle: { width: 0 },
  };
  return {
    grid: { left: 0, right: 4, top: 6, bottom: 4 },
    xAxis: { type: "category", show: false, boundaryGap: false, data: points.map((point) => point.as_of) },
    yAxis: { type: "value", show: false, scale: true },
    series: [
      { ...line, data: points.map((point) => point.lower) },
      {
        ...line,
        data: points.map((point) => (point.upper ?? 0) - (point.lower ?? 0)),
        areaStyle: { color: ink.posterior, opacity: 0.2 },
      },
      {
        type: "line",
        symbol: "none",
        silent: true,
        data: points.map((point) => point.mean),
        lineStyle: { color: ink.posterior, width: 2 },
      },
    ],
  };
}

interface Fitted {
  engine: string;
  rung: string;
  passed: boolean;
  figures: { name: string; value: number | null; limit: string; holds: boolean }[];
}

function Fit({ id }: { id: string }) {
  const path = `/parameters/${encodeURIComponent(id)}`;
  const lineage = useApi<{ fitted: boolean }>(`${path}/lineage`);
  const { data } = useApi<Fitted>(lineage.data?.fitted ? `${path}/fit` : null);
  if (!data) return null; // most parameters are exact and need no fit
  return (
    <section className="stack-1" data-testid="panel-fit">
      <h3>
        Fit: {data.rung}, {data.passed ? "passes its gate" : "refused by its gate"}
      </h3>
      <dl className="facts">
        {data.figures.map(({ name, value, limit, holds }) => (
          <Figure key={name} name={name} value={`${holds ? "✓" : "✗"} ${significant(value)}`} limit={limit} />
        ))}
      </dl>
    </section>
  );
}

const Figure = ({ name, value, limit }: { name: string; value: string; limit: string }) => (
  <>
    <dt>{name.replaceAll("_", " ")}</dt>
    <dd>
      {value} <span className="muted small">{limit}</span>
    </dd>
  </>
);

function Slices({ ids, rows }: { ids: string[]; rows: Row[] }) {
  const byId = new Map(rows.map((row) => [row.parameter_id, row]));
  return (
    <section className="stack-1" data-testid="panel-parameters">
      <h3>{ids.length} parameters stand here</h3>
      <ul className="slices">
        {ids.map((id) => {
          const row = byId.get(id);
          return (
            <li key={id}>
              {row && <LightMark light={row.light} />} <a href={href("parameter", id)}>{id}</a>{" "}
              <span className="muted">{percent(row?.posterior_mean)}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

interface NodeProps {
  node: GraphNode;
  edges: GraphEdge[];
  outcome?: Outcome;
  choose: (slug: string) => void;
  onClose: () => void;
}

/** Where people come from and go to at one step. */
export function NodePanel({ node, edges, outcome, choose, onClose }: NodeProps) {
  const lists: [string, GraphEdge[], "from" | "to"][] = [
    ["Comes from", edges.filter((edge) => edge.to === node.slug), "from"],
    ["Goes on to", edges.filter((edge) => edge.from === node.slug), "to"],
  ];
  return (
    <Drawer title={node.name || node.slug} label={`Step ${node.slug}`} onClose={onClose}>
      {outcome && (
        <p>
          An outcome: reached by <Estimate {...outcome.after} /> of the entries.
        </p>
      )}
      {lists.map(
        ([title, list, end]) =>
          list.length > 0 && (
            <section className="stack-1" key={title}>
              <h3>{title}</h3>
              <ul className="slices">
                {list.map((edge) => (
                  <li key={edge.slug}>
                    <LightMark light={edge.light} />{" "}
                    <button type="button" className="linklike" onClick={() => choose(edge.slug)}>
                      {edge[end]}
                    </button>{" "}
                    <Estimate mean={edge.mean} lower={edge.lower} upper={edge.upper} />
                  </li>
                ))}
              </ul>
            </section>
          ),
      )}
    </Drawer>
  );
}
