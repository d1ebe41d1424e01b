/** One run opened: what came of it, its failures with their tracebacks folded, and what was planned. */

import { useApi } from "../../api/client";
import { parameterLink } from "../../api/parameters";
import { type RunDetail, runPath, type Task } from "../../api/runs";
import { DataTable, day, Loading, Problem, plural, Words } from "../../parts";

export function RunDetails({ runKey }: { runKey: string }) {
  const { data, error, loading } = useApi<RunDetail>(runPath(runKey));
  if (error) return <Problem error={error} />;
  if (loading || !data) return <Loading />;
  return (
    <div className="stack" data-testid="run-details">
      {data.error && (
        <div className="problem">
          <strong>{data.error.message}</strong>
          <p>
            <Words text={data.error.remedy} sentence />
          </p>
          <Traceback text={data.error.traceback} />
        </div>
      )}
      <Failures run={data} />
      {data.plan && <PlanTable tasks={data.plan} folded />}
    </div>
  );
}

function Failures({ run }: { run: RunDetail }) {
  if (run.failed === 0) return <p className="muted">No parameter failed.</p>;
  return (
    <section>
      <h3>{plural(run.failed, "failure")}</h3>
      {run.failures.map((failure) => (
        <div className="problem" key={failure.parameter_id}>
          <a href={parameterLink(failure.parameter_id)}>{failure.parameter_id}</a>
          <span className="muted"> {failure.outcome.replaceAll("_", " ")}</span>
          <p>{failure.message}</p>
          {failure.remedy && (
            <p className="muted">
              <Words text={failure.remedy} sentence />
            </p>
          )}
          <Traceback text={failure.traceback} />
        </div>
      ))}
    </section>
  );
}

function Traceback({ text }: { text: string | null }) {
  if (!text) return null;
  return (
    <details>
      <summary>Traceback</summary>
      <pre>{text}</pre>
    </details>
  );
}

const daysOf = ({ windows }: Task) => (typeof windows === "number" ? windows : windows.length);

const why = (task: Task) =>
  task.skipped ??
  (task.read ? `${day(task.read[0])} up to ${day(task.read[1])}` : null) ??
  Object.entries(task.why ?? {})
    .map(([reason, days]) => `${days} ${reason.replaceAll("_", " ")}`)
    .join(", ");

/** What a night reads: days per parameter and why, worst first. */
export function PlanTable({ tasks, folded = false }: { tasks: Task[]; folded?: boolean }) {
  const days = tasks.reduce((sum, task) => sum + daysOf(task), 0);
  const words = `${plural(tasks.length, "parameter")}, ${plural(days, "daily window")} to read`;
  const table = (
    <DataTable
      label="Plan"
      rows={tasks}
      rowKey={(task) => task.parameter_id}
      columns={[
        {
          title: "Parameter",
          cell: (task) => <a href={parameterLink(task.parameter_id)}>{task.parameter_id}</a>,
        },
        { title: "Days read", number: true, cell: daysOf },
        { title: "Why", cell: why },
        { title: "Posterior", cell: (task) => (task.publish_due ? "due" : "not due") },
      ]}
    />
  );
  if (!folded) {
    return (
      <>
        <p>{words}</p>
        {table}
      </>
    );
  }
  return (
    <details>
      <summary>Plan: {words}</summary>
      {table}
    </details>
  );
}
