/** What is or was wrong, since when, and who has seen it. */
import { useState } from "react";
import { type Page, useApi } from "../../api/client";
import type { Incident } from "../../api/incidents";
import { parameterLink } from "../../api/parameters";
import { DataTable, day, LightMark, Loading, lasting, Problem, Toggle } from "../../parts";
import { Acknowledge } from "./Acknowledge";

const STATES = ["open", "acknowledged", "resolved"] as const;
const NOTHING = {
  open: "✓ Nothing is open: every belief that can be checked holds.",
  acknowledged: "No incident waits acknowledged.",
  resolved: "No incident was ever resolved.",
};
const SEEN = "✓ Nothing is left to look at; what is acknowledged stays wrong until the data agree again.";

export function Incidents() {
  const [state, setState] = useState<(typeof STATES)[number]>("open");
  const present = useApi<Page<Incident>>("/incidents?limit=1000"); // what is not resolved
  const past = useApi<Page<Incident>>(state === "resolved" ? "/incidents?state=resolved&limit=1000" : null);
  const { data, error, reload } = state === "resolved" ? past : present;
  const open = present.data?.items.filter((one) => one.state === "open") ?? [];
  const seen = present.data?.items.filter((one) => one.state !== "open") ?? [];
  const counts = { open: open.length, acknowledged: seen.length, resolved: undefined };
  const rows = { open, acknowledged: seen, resolved: past.data?.items ?? [] }[state];
  return (
    <section className="card" data-testid="incidents">
      <div className="row between">
        <h2>Incidents</h2>
        <div className="chips">
          {STATES.map((one) => (
            <Toggle
              key={one}
              label={
                <>
                  {one[0]?.toUpperCase() + one.slice(1)} {present.data && <strong>{counts[one]}</strong>}
                </>
              }
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
          rows={rows}
          rowKey={(row) => `incident-${row.id}`}
          empty={state === "open" && seen.length > 0 ? SEEN : NOTHING[state]}
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
              cell: (row) => (state === "resolved" ? day(row.resolved_on) : lasting(row.age_days)),
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
