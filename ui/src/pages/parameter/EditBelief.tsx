/** The prior (or the v1 value) of a parameter, edited with its density beside the one in force. */
import { useEffect, useMemo, useState } from "react";
import { api, ProblemError } from "../../api/client";
import {
  type Curves,
  type Feasibility,
  type Numbers,
  type Parameter,
  parameterPath,
} from "../../api/parameters";
import { Chart, Dialog, Field, Problem, rate } from "../../parts";
import { densityDrawing } from "./density";
import { effectiveSize, fieldsOf, numbersOf, startOf, titleOf } from "./numbers";

interface Props {
  parameter: Parameter;
  what: "prior" | "value";
  curves: Curves | undefined;
  etag: string;
  onClose: () => void;
  saved: () => void;
}

export function EditBelief({ parameter, what, curves, etag, onClose, saved }: Props) {
  const [native, setNative] = useState(false);
  const [texts, setTexts] = useState(() => startOf(parameter, what, false));
  const [commit, setCommit] = useState(false);
  const [message, setMessage] = useState(`${parameter.parameter_id}: new ${what}`);
  const [error, setError] = useState<Error | null>(null);
  const [saving, setSaving] = useState(false);
  const numbers = numbersOf(texts);
  const seen = useFeasibility(parameter.distribution, numbers);
  const fields = fieldsOf(parameter, what, native);
  const said = error instanceof ProblemError ? error : null;
  const save = async () => {
    setSaving(true);
    setError(null);
    const body = what === "prior" ? { distribution: parameter.distribution, ...numbers } : numbers;
    const asked = { [what]: body, commit, ...(commit && { message }) };
    try {
      await api.patch(parameterPath(parameter.parameter_id), asked, etag);
      saved();
    } catch (problem) {
      setError(problem as Error);
      setSaving(false);
    }
  };
  return (
    <Dialog title={`Edit the ${what} of ${parameter.name}`} onClose={onClose} wide>
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className="stack">
          {what === "prior" && (
            <fieldset className="row">
              <legend>Given as</legend>
              {[false, true].map((mode) => (
                <label className="check" key={String(mode)}>
                  <input
                    type="radio"
                    name="mode"
                    data-testid={mode ? "mode-native" : "mode-moments"}
                    checked={native === mode}
                    onChange={() => {
                      setNative(mode);
                      setTexts(startOf(parameter, what, mode, seen?.numbers));
                    }}
                  />
                  {mode ? fieldsOf(parameter, what, true).map(titleOf).join(", ") : "mean and stdev"}
                </label>
              ))}
            </fieldset>
          )}
          {fields.map((name) => (
            <Field
              key={name}
              label={titleOf(name)}
              error={said && about(said, name) ? `${said.message} ${said.remedy}` : undefined}
            >
              <input
                inputMode="decimal"
                data-testid={`prior-${name}`}
                value={texts[name] ?? ""}
                aria-invalid={numbers !== null && seen?.feasible === false}
                onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
              />
            </Field>
          ))}
          <Verdict parameter={parameter} seen={seen} complete={numbers !== null} />
          <label className="check">
            <input
              type="checkbox"
              data-testid="commit"
              checked={commit}
              onChange={(event) => setCommit(event.target.checked)}
            />
            commit the file with Git
          </label>
          {commit && (
            <Field label="Message">
              <input
                data-testid="commit-message"
                value={message}
                onChange={(event) => setMessage(event.target.value)}
              />
            </Field>
          )}
        </div>
        <Density parameter={parameter} curves={curves} seen={seen} />
        <div className="whole stack">
          {said?.status === 412 ? (
            <p className="problem" role="alert" data-testid="edit-conflict">
              Somebody changed {parameter.file} after you opened this. Nothing was saved.{" "}
              <button type="button" className="button small" onClick={saved}>
                Show what it is now
              </button>
            </p>
          ) : (
            error !== null && !fields.some((name) => said && about(said, name)) && <Problem error={error} />
          )}
          <div className="row end">
            <span className="muted">
              Written to {parameter.file}, line {parameter.line}; in force from the next night.
            </span>
            <button type="button" className="button" onClick={onClose}>
              Cancel
            </button>
            <button
              type="submit"
              className="button primary"
              data-testid="save-prior"
              disabled={saving || !seen?.feasible}
            >
              Save
            </button>
          </div>
        </div>
      </form>
    </Dialog>
  );
}

const about = (problem: ProblemError, name: string) =>
  problem.status === 422 && problem.field.split(/[./]/).at(-1) === name;

function Verdict(props: { parameter: Parameter; seen: Feasibility | null; complete: boolean }) {
  const { parameter, seen, complete } = props;
  if (!complete) return <p className="muted">Give every number.</p>;
  if (!seen) return <p className="muted">…</p>;
  if (!seen.feasible) {
    return (
      <p className="problem" role="alert" data-testid="infeasible">
        ✕ {seen.message} {seen.remedy}
      </p>
    );
  }
  const [size, unit] = effectiveSize(parameter.type, seen.numbers ?? {});
  return (
    <p className="notice" role="status" data-testid="feasible">
      ✓ 95 % between {rate(seen.lower, parameter.type)} and {rate(seen.upper, parameter.type)}
      {size !== null && `; worth ${size} ${unit}`}
    </p>
  );
}

function Density(props: { parameter: Parameter; curves: Curves | undefined; seen: Feasibility | null }) {
  const { curves, seen } = props;
  const { type } = props.parameter;
  const drawing = useMemo(() => densityDrawing(type, curves, seen), [type, curves, seen]);
  return (
    <Chart option={drawing} height={260} label="Density of the prior being written beside the one in force" />
  );
}

/** What the server says of numbers, asked while they are typed; the last answer stands until the next. */
function useFeasibility(distribution: string, numbers: Numbers | null): Feasibility | null {
  const [seen, setSeen] = useState<Feasibility | null>(null);
  const asked = numbers && JSON.stringify({ distribution, ...numbers });
  useEffect(() => {
    if (!asked) return setSeen(null);
    let current = true;
    const wait = setTimeout(() => {
      api.post<Feasibility>("/parameters/feasibility", JSON.parse(asked)).then(
        (answer) => current && setSeen(answer),
        (problem) => current && setSeen(refused(problem)),
      );
    }, 150);
    return () => {
      current = false;
      clearTimeout(wait);
    };
  }, [asked]);
  return seen;
}

const refused = (problem: unknown): Feasibility => ({
  feasible: false,
  message: problem instanceof ProblemError ? problem.message : String(problem),
  remedy: problem instanceof ProblemError ? problem.remedy : null,
  mean: null,
  stdev: null,
  lower: null,
  upper: null,
  numbers: null,
  x: null,
  density: null,
});
