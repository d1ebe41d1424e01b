/** What is or was wrong, since when, and who has seen it. */
import { useState } from "react";
import { type Page, useApi } from "../../api/client";
import type { Incident } from "../../api/incidents";
import { parameterLink } from "../../api/parameters";
import { DataTable, day, LightMark, Loading, Problem, Toggle } from "../../parts";
import { Acknowledge } from "./Acknowledge";

const STATES = ["open", "acknowledged", "resolved"] as const;
const NOTHING = {
  open: "✓ Nothing is open: every belief that can be checked holds.",
  acknowledged: "No incident waits acknowledged.",
  resolved: "No incident was ever resolved.",
};

export function Incidents() {
  const [state, setState] = useState<(typeof STATES)[number]>("open");
  const { data, error, reload } = useApi<Page<Incident>>(`/incidents?state=${state}&limit=200`);
  return (
    <section className="card" data-testid="incidents">
      <div className="row between">
        <h2>Incidents</h2>
        <div className="chips">
          {STATES.map((one) => (
            <Toggle
              key={one}
              label={one[0]?.toUpperCase() + one.slice(1)}
              checked={state === one}
              onChange={() => setState(one)}
              testid={`incidents-${one}`}
            />
          ))}
        </div>
      </div>
      {error && <Problem error={error} retry={reload} />}
      {!data && !error && <Loading />}
      {data && (
        <DataTable
          label={`Incidents, ${state}`}
          rows={data.items}
          rowKey={(row) => `incident-${row.id}`}
          empty={NOTHING[state]}
          columns={[
            {
              title: "Light",
              cell: (row) => (row.light ? <LightMark light={row.light} label /> : "–"),
            },
            {
              title: "Parameter",
              cell: (row) => <a href={parameterLink(row.parameter_id)}>{row.parameter_id}</a>,
              sort: (row) => row.parameter_id,
            },
            { title: "What", cell: (row) => row.message },
            { title: "Since", cell: (row) => day(row.since ?? row.opened_on), sort: (row) => row.since },
            {
              title: state === "resolved" ? "Resolved" : "Open for",
              cell: (row) =>
                state === "resolved" ? day(row.resolved_on) : `${Math.round(row.age_days ?? 0)} days`,
              sort: (row) => row.age_days,
            },
            {
              title: "Seen",
              cell: (row) => <Acknowledge incident={row} done={reload} />,
            },
          ]}
        />
      )}
    </section>
  );
}
