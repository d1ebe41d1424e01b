/** Says that somebody has seen an incident, with a note of what was found. */
import { useState } from "react";
import { api } from "../../api/client";
import type { Incident } from "../../api/incidents";
import { useMay } from "../../app/me";
import { Dialog, Field, moment, Problem } from "../../parts";

interface Props {
  incident: Pick<Incident, "id" | "state"> & Partial<Incident>;
  done: () => void;
}

export function Acknowledge({ incident, done }: Props) {
  const may = useMay("analyst");
  const [open, setOpen] = useState(false);
  const [note, setNote] = useState("");
  const [error, setError] = useState<Error | null>(null);
  const number = incident.id;
  if (incident.state !== "open") {
    return (
      <span className="muted small" data-testid={`acked-${number}`}>
        {incident.acked_at ? `seen by ${incident.acked_by}, ${moment(incident.acked_at)}` : "acknowledged"}
        {incident.note && `: ${incident.note}`}
      </span>
    );
  }
  const send = () =>
    api.post(`/incidents/${number}/ack`, { note }).then(
      () => {
        setOpen(false);
        done();
      },
      (problem) => setError(problem),
    );
  return (
    <>
      <button
        type="button"
        className="button small"
        data-testid={`ack-${number}`}
        disabled={!may}
        title={may ? undefined : "Analysts may do this"}
        onClick={() => setOpen(true)}
      >
        Acknowledge
      </button>
      {open && (
        <Dialog
          title={`Acknowledge incident ${number}`}
          onClose={() => setOpen(false)}
          actions={
            <>
              <button type="button" className="button" onClick={() => setOpen(false)}>
                Cancel
              </button>
              <button type="button" className="button primary" data-testid="ack-confirm" onClick={send}>
                Acknowledge
              </button>
            </>
          }
        >
          <p className="muted">
            It stays listed until the data agree again, under the name of who has seen it.
          </p>
          <Field label="Note" hint="What you found, or who looks into it.">
            <input data-testid="ack-note" value={note} onChange={(event) => setNote(event.target.value)} />
          </Field>
          {error && <Problem error={error} />}
        </Dialog>
      )}
    </>
  );
}
