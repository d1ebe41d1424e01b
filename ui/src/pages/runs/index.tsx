/** The nights: what they did, the one that runs, and one to start. */
import { useState } from "react";
import { api, type Page as Paged, useApi } from "../../api/client";
import { isOver, type Run, type RunDetail, runPath } from "../../api/runs";
import { useMay } from "../../app/me";
import { DataTable, day, Loading, moment, Page, Problem } from "../../parts";
import { span } from "../../parts/span";
import "../pages.css";
import { useRun } from "./follow";
import { countsText, Progress, stateWords } from "./Progress";
import { RunDetails } from "./RunDetails";
import { StartNight } from "./StartNight";

export default function RunsPage() {
  const runs = useApi<Paged<Run>>("/runs?limit=100");
  const [opened, setOpened] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const may = useMay("editor");
  const live = runs.data?.items.find((run) => !isOver(run.state));
  const running = useRun(live?.run_key ?? null, () => void runs.reload());
  const act = (what: Promise<unknown>) => what.then(() => setError(null), setError).then(runs.reload);
  return (
    <Page title="Runs">
      <StartNight may={may} busy={Boolean(live)} started={() => void runs.reload()} />
      {(error ?? runs.error) && <Problem error={error ?? (runs.error as Error)} />}
      {running && live && (
        <section className="card row between" aria-label="The night that runs">
          <Progress run={running} />
          <button
            type="button"
            className="button"
            data-testid="run-cancel"
            disabled={!may || isOver(running.state)}
            title={may ? undefined : "Editors may cancel a run"}
            onClick={() => act(api.del(runPath(live.run_key)))}
          >
            Cancel
          </button>
        </section>
      )}
      {!runs.data ? (
        runs.loading && <Loading />
      ) : (
        <section className="card">
          <RunTable
            runs={runs.data.items}
            current={running}
            opened={opened}
            may={may}
            open={(key) => setOpened(opened === key ? null : key)}
            retry={(run) => act(api.post("/runs", { as_of: run.as_of, retry_failed: true }))}
          />
        </section>
      )}
    </Page>
  );
}

interface TableProps {
  runs: Run[];
  current: RunDetail | null;
  opened: string | null;
  may: boolean;
  open: (key: string) => void;
  retry: (run: Run) => void;
}

/** The kind of a run, and what it was of where not of all. */
const whatOf = ({ kind, run_key }: Run) => [kind, ...run_key.split(":").slice(2)].join(" ");

function RunTable({ runs, current, opened, may, open, retry }: TableProps) {
  return (
    <DataTable
      label="Runs, newest first"
      rows={runs}
      rowKey={(run) => run.run_key}
      empty="No night has run yet. Start one above."
      detail={(run) => (opened === run.run_key ? <RunDetails runKey={run.run_key} /> : null)}
      columns={[
        {
          title: "Night",
          cell: (run) => (
            <button
              type="button"
              className="linklike"
              aria-expanded={opened === run.run_key}
              onClick={() => open(run.run_key)}
            >
              {day(run.as_of)}
            </button>
          ),
        },
        { title: "Kind", cell: whatOf },
        {
          title: "State",
          cell: (run) =>
            stateWords(current?.run_key === run.run_key ? current.state : run.state, run.ended) +
            (run.attempt > 1 ? `, attempt ${run.attempt}` : ""),
        },
        { title: "Outcomes", cell: (run) => countsText(run.counts) },
        { title: "Failures", number: true, cell: (run) => run.failures },
        { title: "Started", cell: (run) => (run.started_at ? moment(run.started_at) : "–") },
        {
          title: "Took",
          number: true,
          cell: (run) => (run.seconds === null ? "–" : span(run.seconds)),
        },
        {
          title: "",
          cell: (run) =>
            (run.failures > 0 || run.state === "failed") && (
              <button
                type="button"
                className="button small"
                data-testid="run-retry"
                disabled={!may}
                title={may ? undefined : "Editors may start a night"}
                onClick={() => retry(run)}
              >
                Retry failed
              </button>
            ),
        },
      ]}
    />
  );
}
