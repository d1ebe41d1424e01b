/** What may be done with a parameter; what a role may not do is disabled and says who may. */
import { useState } from "react";
import { api } from "../../api/client";
import { type Curves, type Parameter, parameterPath } from "../../api/parameters";
import type { Run } from "../../api/runs";
import { useMay } from "../../app/me";
import { Dialog, day, Problem, rate } from "../../parts";
import { useRun } from "../runs/follow";
import { Progress } from "../runs/Progress";
import { EditBelief } from "./EditBelief";

interface Props {
  parameter: Parameter;
  etag: string;
  curves: Curves | undefined;
  changed: () => void;
}
type Open = "accept" | "prior" | "value" | null;

export function Actions({ parameter, etag, curves, changed }: Props) {
  const [open, setOpen] = useState<Open>(null);
  const reload = () => {
    setOpen(null);
    changed();
  };
  const editor = useMay("editor") ? undefined : "Editors may do this";
  const { editable, posterior_mean, read_at } = parameter;
  const nothing = read_at === null && posterior_mean === null ? "No posterior to accept yet" : undefined;
  return (
    <>
      <Refresh parameter={parameter} changed={changed} />
      <Act id="accept-posterior" why={editor ?? nothing} act={() => setOpen("accept")}>
        Accept posterior as prior
      </Act>
      {editable.value && (
        <Act id="edit-value" why={editor} act={() => setOpen("value")}>
          Edit value
        </Act>
      )}
      {editable.prior && (
        <Act id="edit-prior" why={editor} act={() => setOpen("prior")}>
          Edit prior
        </Act>
      )}
      {open === "accept" && <Accept parameter={parameter} onClose={() => setOpen(null)} done={reload} />}
      {(open === "prior" || open === "value") && (
        <EditBelief
          parameter={parameter}
          etag={etag}
          what={open}
          curves={curves}
          onClose={() => setOpen(null)}
          saved={reload}
        />
      )}
    </>
  );
}

function Act(props: { id: string; why: string | undefined; act: () => void; children: React.ReactNode }) {
  return (
    <button
      type="button"
      className="button"
      data-testid={props.id}
      disabled={Boolean(props.why)}
      title={props.why}
      onClick={props.act}
    >
      {props.children}
    </button>
  );
}

function Refresh({ parameter, changed }: { parameter: Parameter; changed: () => void }) {
  const analyst = useMay("analyst");
  const [key, setKey] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const run = useRun(key, (ended) => {
    setKey(null);
    const [failure] = ended.failures;
    if (failure) setError(new Error(failure.message));
    changed();
  });
  const start = async () => {
    setError(null);
    try {
      setKey((await api.post<Run>(parameterPath(parameter.parameter_id, "refresh"), {})).run_key);
    } catch (problem) {
      setError(problem as Error);
    }
  };
  return (
    <>
      {run && <Progress run={run} />}
      {error !== null && (
        <Dialog title="The refresh did not come through" onClose={() => setError(null)}>
          <Problem error={error} />
        </Dialog>
      )}
      <Act
        id="refresh"
        why={!analyst ? "Analysts may do this" : key ? "It is being read" : undefined}
        act={() => void start()}
      >
        Refresh now
      </Act>
    </>
  );
}

function Accept(props: { parameter: Parameter; onClose: () => void; done: () => void }) {
  const { parameter, onClose: close, done } = props;
  const [error, setError] = useState<Error | null>(null);
  const [sending, setSending] = useState(false);
  const format = (x: number | null) => rate(x, parameter.type);
  const { prior_mean, prior_stdev, posterior_mean, posterior_stdev } = parameter;
  const accept = () => {
    setSending(true);
    api.post(parameterPath(parameter.parameter_id, "accept"), {}).then(done, (problem) => {
      setError(problem);
      setSending(false);
    });
  };
  return (
    <Dialog
      title="Accept the posterior as the new prior"
      onClose={close}
      actions={
        <>
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
          <button
            type="button"
            className="button primary"
            data-testid="accept-confirm"
            disabled={sending}
            onClick={accept}
          >
            Accept as prior
          </button>
        </>
      }
    >
      <p>
        The prior, now {format(prior_mean)} ± {format(prior_stdev)}, gets a new version: the posterior of the
        days that are closed. With the days that are still open, it is{" "}
        <strong>
          {format(posterior_mean)} ± {format(posterior_stdev)}
        </strong>
        . Closed days are not counted again, no current number changes, and the next checks compare with the
        new prior.
      </p>
      {parameter.since && (
        <p className="problem">
          Something is off since {day(parameter.since)}. Accept it only when the data are right: what is off
          becomes what is expected.
        </p>
      )}
      {error !== null && <Problem error={error} />}
    </Dialog>
  );
}
