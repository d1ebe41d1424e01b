/** A night to start: for which day, and first what it would read. */
import { useState } from "react";
import { api } from "../../api/client";
import type { Plan } from "../../api/runs";
import { Dialog, day, Field, Problem } from "../../parts";
import { PlanTable } from "./RunDetails";

interface Props {
  may: boolean;
  busy: boolean;
  started: () => void;
}

export function StartNight({ may, busy, started }: Props) {
  const [asOf, setAsOf] = useState("");
  const [only, setOnly] = useState("");
  const [retry, setRetry] = useState(false);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [waiting, setWaiting] = useState(false);
  const question = { ...(asOf && { as_of: asOf }), ...(only && { only }), retry_failed: retry };
  const send = async (planned: boolean) => {
    setWaiting(true);
    setError(null);
    try {
      if (planned) setPlan(await api.post<Plan>("/runs", { ...question, plan: true }));
      else {
        await api.post("/runs", question);
        setPlan(null);
        started();
      }
    } catch (problem) {
      setError(problem as Error);
    } finally {
      setWaiting(false);
    }
  };
  const reason = may ? (busy ? "A night is under way" : undefined) : "Editors may start a night";
  return (
    <form
      className="card form"
      onSubmit={(event) => {
        event.preventDefault();
        void send(false);
      }}
    >
      <Field label="Night" hint="empty: tonight">
        <input
          type="date"
          data-testid="run-as-of"
          value={asOf}
          onChange={(event) => setAsOf(event.target.value)}
        />
      </Field>
      <Field label="Only" hint="a parameter, template or reference">
        <input
          data-testid="run-only"
          value={only}
          placeholder="all parameters"
          onChange={(event) => setOnly(event.target.value)}
        />
      </Field>
      <label className="check">
        <input
          type="checkbox"
          data-testid="run-retry-failed"
          checked={retry}
          onChange={(event) => setRetry(event.target.checked)}
        />
        also those that wait after a failure
      </label>
      <span className="actions">
        <button
          type="button"
          className="button"
          data-testid="run-plan"
          disabled={!may || waiting}
          onClick={() => send(true)}
        >
          Show the plan
        </button>
        <button
          type="submit"
          className="button primary"
          data-testid="run-start"
          disabled={Boolean(reason) || waiting}
          title={reason}
        >
          Start the night
        </button>
      </span>
      {error ? <Problem error={error} /> : null}
      {plan && (
        <Dialog title={`What the night of ${day(plan.as_of)} would read`} onClose={() => setPlan(null)} wide>
          <PlanTable tasks={plan.tasks} />
          <div className="row end">
            <button type="button" className="button" onClick={() => setPlan(null)}>
              Close
            </button>
            <button
              type="button"
              className="button primary"
              data-testid="run-start-planned"
              disabled={Boolean(reason) || waiting}
              onClick={() => send(false)}
            >
              Start the night
            </button>
          </div>
        </Dialog>
      )}
    </form>
  );
}
