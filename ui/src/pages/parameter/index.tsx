/** One parameter: what is believed, what was seen, whether they agree, and where every number comes from. */
import { useMemo, useState } from "react";
import { useApi } from "../../api/client";
import { type Band, type Curves, type Lineage, type Parameter, parameterPath } from "../../api/parameters";
import type { Route } from "../../app/router";
import { Chart, Empty, Loading, Page, Problem } from "../../parts";
import { Acknowledge } from "../health/Acknowledge";
import "../pages.css";
import { Actions } from "./Actions";
import { bandDrawing, bandSummary } from "./band";
import { curvesDrawing, curvesSummary } from "./curves";
import { FitSection } from "./Fit";
import { Headline } from "./Headline";
import { LineageFacts } from "./Lineage";
import { History, Ledger } from "./Records";

export default function ParameterPage({ route }: { route: Route }) {
  const [version, setVersion] = useState(0);
  const shown = useApi<Parameter>(parameterPath(route.id));
  const curves = useApi<Curves>(parameterPath(route.id, "curves"));
  const band = useApi<Band>(parameterPath(route.id, "band"));
  const lineage = useApi<Lineage>(parameterPath(route.id, "lineage"));
  const { data, error } = shown;
  const changed = () => {
    for (const one of [shown, curves, band, lineage]) one.reload();
    setVersion(version + 1); // the sections below read again
  };
  const incident = band.data?.incidents.find((one) => one.id === data?.incident);
  if (error && !data)
    return (
      <Page title={route.id}>
        <Problem error={error} retry={shown.reload} />
      </Page>
    );
  if (!data) return <Loading label={`Reading ${route.id}`} />;
  return (
    <Page
      title={data.name}
      note={
        <>
          <code data-testid="parameter-id">{data.parameter_id}</code> · {data.type}
          {data.edge && data.graph && (
            <>
              {" "}
              · edge <a href={`#/graph/${encodeURIComponent(data.graph)}`}>{data.edge}</a>
            </>
          )}
          {(data.tags ?? []).map((tag) => (
            <span className="tag" key={tag}>
              {tag}
            </span>
          ))}
        </>
      }
      actions={<Actions parameter={data} etag={shown.etag} curves={curves.data} changed={changed} />}
    >
      {incident && (
        <section className="problem banner" data-testid="incident" aria-label="Open incident">
          <span>{incident.message}</span>
          <Acknowledge incident={incident} done={changed} />
        </section>
      )}
      <Headline parameter={data} prior={band.data?.priors.at(-1)} />
      <div className="charts">
        <section className="card">
          <h2>Belief</h2>
          <CurvesChart curves={curves.data} mean={data.posterior_mean} error={curves.error} />
        </section>
        <section className="card">
          <h2>Night by night</h2>
          <BandChart band={band.data} type={data.type} error={band.error} />
        </section>
      </div>
      {lineage.data && <FitSection parameter={data} fitted={lineage.data.fitted} key={`fit-${version}`} />}
      <Ledger parameter={data} key={`ledger-${version}`} />
      <History parameter={data} key={`history-${version}`} />
      <section className="card" data-testid="lineage">
        <h2>Lineage</h2>
        {lineage.error && <Problem error={lineage.error} />}
        {lineage.data ? <LineageFacts lineage={lineage.data} /> : lineage.loading && <Loading />}
      </section>
    </Page>
  );
}

function CurvesChart(props: { curves?: Curves; mean: number | null; error?: Error }) {
  const { curves, mean, error } = props;
  const drawing = useMemo(() => (curves ? curvesDrawing(curves) : () => ({})), [curves]);
  if (error) return <Problem error={error} />;
  if (!curves) return <Loading />;
  if (!curves.prior && !curves.posterior) return <Empty>There is neither a prior nor evidence yet.</Empty>;
  return <Chart option={drawing} height={300} label={curvesSummary(curves, mean)} testid="chart-curves" />;
}

function BandChart({ band, type, error }: { band?: Band; type: Parameter["type"]; error?: Error }) {
  const drawing = useMemo(() => (band ? bandDrawing(band, type) : () => ({})), [band, type]);
  if (error) return <Problem error={error} />;
  if (!band) return <Loading />;
  if (!band.points.some((point) => point.mean !== null)) {
    return <Empty>No night has a posterior of it yet.</Empty>;
  }
  return <Chart option={drawing} height={300} label={bandSummary(band, type)} testid="chart-band" />;
}
