/** Whether the beliefs hold: parameters by light, incidents, sources, and what last night did. */
import { type Page as Paged, useApi } from "../../api/client";
import type { Source } from "../../api/incidents";
import type { Run } from "../../api/runs";
import { useMe } from "../../app/me";
import { href } from "../../app/router";
import { ago, DataTable, day, Loading, moment, Page, Problem } from "../../parts";
import { span } from "../../parts/span";
import "../pages.css";
import { countsText, stateWords } from "../runs/Progress";
import { Incidents } from "./Incidents";
import { Parameters } from "./Parameters";

export default function HealthPage() {
  const me = useMe();
  return (
    <Page title="Health" note={`Every belief as it stood at the end of the night of ${day(me.as_of)}`}>
      <Parameters />
      <Incidents />
      <div className="grid">
        <Sources />
        <LastNight />
      </div>
    </Page>
  );
}

const SIGNS: Record<string, string> = { fresh: "✓", unread: "○", unused: "○", stale: "◌" };

function Sources() {
  const { data, error, reload } = useApi<Paged<Source>>("/sources");
  return (
    <section className="card" data-testid="sources">
      <h2>Sources</h2>
      {error && <Problem error={error} retry={reload} />}
      {!data && !error && <Loading />}
      {data && (
        <DataTable
          label="Sources and their age"
          rows={data.items}
          rowKey={(row) => row.connection}
          empty="No parameter reads from a source."
          columns={[
            { title: "Connection", cell: (row) => row.connection, sort: (row) => row.connection },
            { title: "Type", cell: (row) => row.type },
            {
              title: "State",
              cell: (row) => (
                <>
                  {SIGNS[row.state] ?? "✕"} {row.state}
                  {row.detail && <span className="muted small">{row.detail}</span>}
                </>
              ),
            },
            { title: "Oldest reading", cell: (row) => ago(row.age_days), sort: (row) => row.age_days },
            { title: "Parameters", number: true, cell: (row) => row.parameters },
          ]}
        />
      )}
    </section>
  );
}

function LastNight() {
  const { data, error, reload } = useApi<Paged<Run>>("/runs?limit=50");
  const run = data?.items.find((one) => one.run_key.split(":").length === 2); // of all parameters
  return (
    <section className="card" data-testid="last-night">
      <h2>Last night</h2>
      {error && <Problem error={error} retry={reload} />}
      {!data && !error && <Loading />}
      {data && !run && (
        <p className="muted">
          No night has run yet. <a href={href("runs")}>Start one.</a>
        </p>
      )}
      {run && (
        <>
          <dl className="facts">
            <dt>State</dt>
            <dd>{stateWords(run.state, run.ended)}</dd>
            <dt>Night</dt>
            <dd>{day(run.as_of)}</dd>
            <dt>Finished</dt>
            <dd>{run.finished_at ? `${moment(run.finished_at)}, in ${span(run.seconds)}` : "–"}</dd>
            <dt>Outcomes</dt>
            <dd>{countsText(run.counts)}</dd>
            <dt>Failures</dt>
            <dd>{run.failures}</dd>
          </dl>
          <a href={href("runs")}>All runs</a>
        </>
      )}
    </section>
  );
}
