import { useState } from "react";
import { forgetKey, keepKey, keptKey } from "../api/client";
import { Dialog, Field } from "../parts";

/** Asks for an API key when the server wants one. */
export function KeyDialog({ onClose, message }: { onClose?: () => void; message?: string }) {
  const [key, setKey] = useState("");
  const reload = () => window.location.reload();
  return (
    <Dialog
      title="API key"
      onClose={onClose ?? (() => undefined)}
      actions={
        <>
          {keptKey() && (
            <button
              type="button"
              className="button"
              onClick={() => {
                forgetKey();
                reload();
              }}
            >
              Forget the key
            </button>
          )}
          <button
            type="submit"
            form="key-form"
            className="button primary"
            disabled={!key.trim()}
            data-testid="key-save"
          >
            Use this key
          </button>
        </>
      }
    >
      <form
        id="key-form"
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          keepKey(key.trim());
          reload();
        }}
      >
        {message && <p className="muted">{message}</p>}
        <Field label="Key" hint="Begins with ef_. Kept in this tab only; an admin makes keys.">
          <input
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={key}
            onChange={(event) => setKey(event.target.value)}
            data-testid="key-field"
          />
        </Field>
      </form>
    </Dialog>
  );
}
