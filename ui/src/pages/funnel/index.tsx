/** Units through ordered steps of an event table: who went on, how fast, and day by day of entry. */
import { useState } from "react";
import { api, useApi } from "../../api/client";
import type { EventTable, Funnel } from "../../api/funnel";
import { Empty, Field, Loading, Page, Problem } from "../../parts";
import "../pages.css";
import { Cohorts } from "./Cohorts";
import { Steps } from "./Steps";

interface Question {
  table: string;
  steps: string[];
  window: string;
  first: string;
  stop: string;
  unit: string;
  strict_order: string;
  re_entry: boolean;
  optional: string[];
}
const BLANK: Question = {
  table: "",
  steps: [],
  window: "7d",
  first: "",
  stop: "",
  unit: "",
  strict_order: "no",
  re_entry: false,
  optional: [],
};

const unitsOf = (table: EventTable) => ["user", "session"].filter((unit) => unit in table.columns);

/** What is sent: nothing of what is left as it was, and how the table's columns are called. */
function bodyOf({ first, stop, ...asked }: Question, table: EventTable | undefined) {
  return {
    ...asked,
    unit: asked.unit || (table && unitsOf(table)[0]),
    ...(table && { connection: table.connection, columns: { user: "", ...table.columns } }),
    ...(first && { first }),
    ...(stop && { stop }),
  };
}

export default function FunnelPage() {
  const tables = useApi<{ items: EventTable[] }>("/funnel/tables");
  const [asked, setAsked] = useState(BLANK);
  const [cohorts, setCohorts] = useState(false);
  const [answer, setAnswer] = useState<Funnel>();
  const [error, setError] = useState<Error>();
  const [waiting, setWaiting] = useState(false);
  const known = tables.data?.items ?? [];
  const table = known.find((one) => one.table === asked.table) ?? known[0];
  const question = { ...asked, table: table?.table ?? "" };
  const change = (what: Partial<Question>) => setAsked({ ...asked, ...what });
  const run = async () => {
    setWaiting(true);
    setError(undefined);
    try {
      setAnswer(await api.post<Funnel>("/funnel", bodyOf(question, table)));
    } catch (problem) {
      setError(problem as Error);
    } finally {
      setWaiting(false);
    }
  };
  return (
    <Page title="Funnel" note="Ordered steps over a table of events">
      {tables.error && <Problem error={tables.error} retry={tables.reload} />}
      {tables.loading && !tables.data && <Loading />}
      {tables.data && known.length === 0 && (
        <Empty>No event table is known. Declare one in a parameter or a connection of the project.</Empty>
      )}
      {table && (
        <form
          className="card form"
          onSubmit={(event) => {
            event.preventDefault();
            void run();
          }}
        >
          <Field label="Table">
            <select
              data-testid="funnel-table"
              value={table.table}
              onChange={(event) => setAsked({ ...BLANK, table: event.target.value })}
            >
              {known.map((one) => (
                <option key={one.table}>{one.table}</option>
              ))}
            </select>
          </Field>
          <Choices question={question} table={table} change={change} />
          <fieldset className="whole">
            <legend>Steps in order</legend>
            {table.problem && <p className="problem">{table.problem}</p>}
            <StepPicker
              steps={asked.steps}
              optional={asked.optional}
              events={table.events}
              set={(steps, optional) => change({ steps, optional })}
            />
          </fieldset>
          <label className="check">
            <input
              type="checkbox"
              data-testid="funnel-cohorts"
              checked={cohorts}
              onChange={(event) => setCohorts(event.target.checked)}
            />
            day by day of entry
          </label>
          <div className="actions">
            <button
              type="submit"
              className="button primary"
              data-testid="funnel-run"
              disabled={asked.steps.length < 2 || waiting}
            >
              {waiting ? "Following …" : "Follow"}
            </button>
          </div>
        </form>
      )}
      {error && <Problem error={error} />}
      {answer && <Steps funnel={answer} />}
      {answer && cohorts && <Cohorts funnel={answer} />}
    </Page>
  );
}

interface ChoicesProps {
  question: Question;
  table: EventTable;
  change: (what: Partial<Question>) => void;
}

function Choices({ question, table, change }: ChoicesProps) {
  const units = unitsOf(table);
  return (
    <>
      <Field label="Within" hint="such as 1h, 7d">
        <input
          size={6}
          data-testid="funnel-window"
          value={question.window}
          onChange={(event) => change({ window: event.target.value })}
        />
      </Field>
      <Field label="Per">
        <select
          data-testid="funnel-unit"
          value={question.unit || units[0]}
          onChange={(event) => change({ unit: event.target.value })}
        >
          {units.map((unit) => (
            <option key={unit}>{unit}</option>
          ))}
        </select>
      </Field>
      <Field label="Between steps">
        <select
          data-testid="funnel-order"
          value={question.strict_order}
          onChange={(event) => change({ strict_order: event.target.value })}
        >
          <option value="no">anything may happen</option>
          <option value="steps">no other listed step</option>
          <option value="events">no other event at all</option>
        </select>
      </Field>
      <Field label="Entries from">
        <input
          type="date"
          data-testid="funnel-first"
          value={question.first}
          onChange={(event) => change({ first: event.target.value })}
        />
      </Field>
      <Field label="up to, not including">
        <input
          type="date"
          data-testid="funnel-stop"
          value={question.stop}
          onChange={(event) => change({ stop: event.target.value })}
        />
      </Field>
      <label className="check">
        <input
          type="checkbox"
          data-testid="funnel-re-entry"
          checked={question.re_entry}
          onChange={(event) => change({ re_entry: event.target.checked })}
        />
        count every entry
      </label>
    </>
  );
}

interface PickerProps {
  steps: string[];
  optional: string[];
  events: string[];
  set: (steps: string[], optional: string[]) => void;
}

/** The steps as a numbered row, each to be left out or taken away, and the events that may come next. */
function StepPicker({ steps, optional, events, set }: PickerProps) {
  const rest = events.filter((event) => !steps.includes(event));
  const toggle = (step: string) =>
    set(steps, optional.includes(step) ? optional.filter((one) => one !== step) : [...optional, step]);
  return (
    <ol className="steps" data-testid="funnel-steps">
      {steps.map((step, at) => (
        <li key={step} className="picked">
          <strong>
            {at + 1}. {step}
          </strong>
          {at > 0 && at < steps.length - 1 && (
            <label className="check small muted">
              <input type="checkbox" checked={optional.includes(step)} onChange={() => toggle(step)} />
              optional
            </label>
          )}
          <button
            type="button"
            className="button quiet small"
            aria-label={`Take ${step} away`}
            onClick={() => {
              const left = steps.filter((one) => one !== step);
              set(
                left,
                optional.filter((one) => left.slice(1, -1).includes(one)),
              );
            }}
          >
            ×
          </button>
        </li>
      ))}
      {rest.length > 0 && (
        <li>
          <select
            data-testid="funnel-add"
            aria-label="Add a step"
            value=""
            onChange={(event) => set([...steps, event.target.value], optional)}
          >
            <option value="" disabled>
              {steps.length ? "then …" : "first event …"}
            </option>
            {rest.map((event) => (
              <option key={event}>{event}</option>
            ))}
          </select>
        </li>
      )}
    </ol>
  );
}
