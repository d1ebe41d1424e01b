/** The last fit: does it hold, what does it say, and how do its draws look. */
import { useMemo, useState } from "react";
import { useApi } from "../../api/client";
import {
  type Fit,
  type Parameter,
  type Predictive,
  parameterPath,
  type Ranks,
  type Trace,
} from "../../api/parameters";
import { Chart, DataTable, day, Loading, Problem, significant } from "../../parts";
import { span } from "../../parts/span";
import { ranksDrawing, traceDrawing } from "./draws";
import { Forecasts } from "./Forecast";
import { PredictiveCheck } from "./Predictive";

export function FitSection({ parameter, fitted }: { parameter: Parameter; fitted: boolean }) {
  const path = (part: string) => parameterPath(parameter.parameter_id, part);
  const fit = useApi<Fit>(fitted ? path("fit") : null);
  const check = useApi<Predictive>(parameter.size ? path("predictive") : null);
  const lasting = fit.data?.quantities.some((one) => one.name === "t50");
  return (
    <section className="card" data-testid="fit">
      <h2>Fit</h2>
      {!fitted && (
        <p className="muted">
          {parameter.size
            ? "The posterior comes from a formula: exact, without draws, so there is nothing to diagnose."
            : "There is no evidence yet, so nothing was fitted."}
        </p>
      )}
      {fit.error && <Problem error={fit.error} />}
      {fit.loading && !fit.data && <Loading />}
      {fit.data && <Figures fit={fit.data} />}
      {fit.data && <Draws parameter={parameter} />}
      {check.loading && !check.data && <Loading label="Predicting" />}
      {check.data && <PredictiveCheck check={check.data} />}
      {check.error && <Problem error={check.error} />}
      {lasting && <Forecasts parameter={parameter} />}
    </section>
  );
}

function Figures({ fit }: { fit: Fit }) {
  const told = [...fit.failures, ...fit.warnings];
  return (
    <>
      <p>
        <strong>{fit.passed ? "✓ Passed the gate" : "✕ Refused by the gate"}</strong>
        {fit.published ? ", published" : ", not published"} · {fit.rung} · night of {day(fit.as_of)} ·{" "}
        {span(fit.seconds)} · seed {fit.seed}
        {fit.notes.length > 0 && <span className="muted"> · {fit.notes.join("; ")}</span>}
      </p>
      {told.length > 0 && (
        <ul className="problem">
          {told.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {fit.tried.length > 0 && (
        <p className="muted">Tried before: {fit.tried.map((one) => one.join(": ")).join("; ")}</p>
      )}
      <div className="columns figures">
        <DataTable
          label="Figures of the fit and their limits"
          rows={fit.figures}
          rowKey={(row) => row.name}
          columns={[
            { title: "Figure", cell: (row) => FIGURES[row.name] ?? row.name },
            { title: "Value", number: true, cell: (row) => significant(row.value) },
            { title: "Limit", cell: (row) => row.limit || "–" },
            {
              title: "Holds",
              cell: (row) => (row.holds === null ? "–" : row.holds ? "✓ holds" : "✕ does not hold"),
            },
          ]}
        />
        <DataTable
          label="Quantities of the fit"
          rows={fit.quantities}
          rowKey={(row) => row.name}
          columns={[
            {
              title: "Quantity",
              cell: (row) => (
                <>
                  {row.name}
                  {QUANTITIES[row.name] && <span className="muted small">{QUANTITIES[row.name]}</span>}
                </>
              ),
            },
            { title: "Mean", number: true, cell: (row) => significant(row.mean) },
            {
              title: "95 % interval",
              number: true,
              cell: (row) => `${significant(row.lower)} – ${significant(row.upper)}`,
            },
            {
              title: "From the data",
              cell: (row) => (row.identified ? "✓ identified" : "○ the prior speaks"),
            },
          ]}
        />
      </div>
    </>
  );
}

const FIGURES: Record<string, string> = {
  r_hat: "R-hat",
  ess_bulk: "ESS, bulk",
  ess_tail: "ESS, tail",
  divergences: "Divergences",
  k_hat: "k-hat of the weights",
  importance_ess: "ESS of the weights",
  loo: "LOO",
};

const QUANTITIES: Record<string, string> = {
  p: "rate within the horizon",
  p_eventual: "rate without a horizon",
  t50: "half have converted by then",
  t95: "95 % have converted by then",
  log_ratio: "log of t95 / t50",
  horizon_mass: "share of the conversions within the horizon",
  observed_mass: "share of them by the oldest age seen",
};

function Draws({ parameter }: { parameter: Parameter }) {
  const [quantity, setQuantity] = useState("");
  const asked = quantity && `?quantity=${encodeURIComponent(quantity)}`;
  const path = (part: string) => parameterPath(parameter.parameter_id, part) + asked;
  const trace = useApi<Trace>(path("trace"));
  const ranks = useApi<Ranks>(path("ranks"));
  const traced = useMemo(() => (trace.data ? traceDrawing(trace.data) : () => ({})), [trace.data]);
  const ranked = useMemo(() => (ranks.data ? ranksDrawing(ranks.data) : () => ({})), [ranks.data]);
  if (trace.error?.status === 404) return <p className="muted">This fit keeps no draws.</p>;
  if (trace.error) return <Problem error={trace.error} />;
  if (!trace.data) return <Loading />;
  const { data } = trace;
  const words = data.weighted ? "weighted draws" : `draws of ${data.chains.length} chains`;
  return (
    <>
      <label className="row">
        Draws of
        <select
          data-testid="draws-quantity"
          value={data.quantity}
          onChange={(event) => setQuantity(event.target.value)}
        >
          {data.quantities.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <div className="columns">
        <figure data-testid="trace">
          <figcaption>Trace, {words}</figcaption>
          <Chart option={traced} height={220} label={`Trace of ${data.quantity}, ${words}`} />
        </figure>
        <figure data-testid="ranks">
          <figcaption>Ranks</figcaption>
          {ranks.data && ranks.data.bins.length > 0 ? (
            <Chart
              option={ranked}
              height={220}
              label={`Ranks of ${data.quantity} by chain; even when the chains agree`}
            />
          ) : (
            ranks.data && (
              <p className="muted">
                These draws weigh differently, so their ranks say nothing. k-hat and the ESS of the weights
                stand in for them.
              </p>
            )
          )}
        </figure>
      </div>
    </>
  );
}
