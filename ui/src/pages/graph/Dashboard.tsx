// The grouped list beside the graph: what is critical first, each with expected, observed, sigma, n, since.
import type { ParameterRow as Row } from "../../api/parameters";
import { href } from "../../app/router";
import { count, day, LIGHTS, type Light, LightMark, rate, sigmas } from "../../parts";
import { Drawer } from "./Drawer";

const ORDER: [Light, string][] = [
  ["red", "critical"],
  ["amber", "amber"],
  ["green", "healthy"],
  ["grey", "grey"],
  ["stale", "stale"],
];

interface Props {
  rows: Row[];
  /** Show the edge of a row on the graph. */
  show: (edge: string) => void;
  onClose: () => void;
}

export function Dashboard({ rows, show, onClose }: Props) {
  return (
    <Drawer title="Dashboard" label="Dashboard: parameters by light" onClose={onClose} testid="dashboard">
      {ORDER.map(([light, name]) => {
        const group = rows.filter((row) => row.light === light);
        return (
          <details
            key={light}
            className="group"
            open={light === "red" || light === "amber"}
            data-testid={`group-${name}`}
          >
            <summary>
              <LightMark light={light} /> {LIGHTS[light].group.toUpperCase()} {group.length}
            </summary>
            {group.map((row) => (
              <Entry key={row.parameter_id} row={row} show={show} />
            ))}
            {group.length === 0 && <p className="muted small">None.</p>}
          </details>
        );
      })}
    </Drawer>
  );
}

function Entry({ row, show }: { row: Row; show: (edge: string) => void }) {
  const { parameter_id, edge, type, prior_mean, observed, sigma, size, since } = row;
  return (
    <article className="entry" data-testid={`row-${parameter_id}`}>
      <h3>
        {edge ? (
          <button type="button" className="linklike" onClick={() => show(edge)} title="Show it on the graph">
            {parameter_id}
          </button>
        ) : (
          parameter_id
        )}
      </h3>
      <p>
        expected {rate(prior_mean, type)}, observed {rate(observed, type)}
      </p>
      <p className="muted small">
        {sigma === null ? "σ –" : `${sigmas(Math.abs(sigma))} σ`} · n {count(size)}
        {since && ` · since ${day(since)}`}
      </p>
      <div className="row">
        <a
          className="button small"
          href={href("parameter", parameter_id)}
          data-testid={`details-${parameter_id}`}
        >
          View details
        </a>
        <a
          className="button small"
          href={href("parameter", parameter_id, { action: "update-prior" })}
          data-testid={`update-prior-${parameter_id}`}
        >
          Update prior
        </a>
      </div>
    </article>
  );
}
