// The small things every page is made of.
import { Fragment, type ReactNode, useEffect, useId, useRef, useState } from "react";
import type { ProblemError } from "../api/client";
import { interval, type Scale } from "./format";
import { LIGHTS, type Light } from "./lights";

export { axis, Chart, type Ink, tooltip } from "./Chart";
export * from "./format";
export { LIGHTS, type Light } from "./lights";

interface PageProps {
  title: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, note, actions, children }: PageProps) {
  useEffect(() => {
    if (typeof title === "string") document.title = `${title} · Evenfall`;
  }, [title]);
  return (
    <div className="page">
      <div className="page-head">
        <div className="stack-1">
          <h1>{title}</h1>
          {note && <p className="muted">{note}</p>}
        </div>
        {actions && <div className="row">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** A light as shape, colour and word; the word is seen only when `label` asks for it. */
export function LightMark({ light, label, testid }: { light: Light; label?: boolean; testid?: string }) {
  const { shape, word, group } = LIGHTS[light];
  return (
    <span className={`light light-${light}`} title={word} data-testid={testid} data-light={light}>
      <span aria-hidden="true">{shape}</span>
      {label ? <span className="light-word">{group}</span> : <span className="unseen">{word}</span>}
    </span>
  );
}

interface EstimateProps {
  mean: number | null | undefined;
  lower?: number | null;
  upper?: number | null;
  scale?: Scale;
  testid?: string;
}

/** A mean with its 95 % interval. */
export function Estimate({ mean, lower, upper, scale = "probability", testid }: EstimateProps) {
  const [head, tail] = interval(mean, lower, upper, scale).split(" [");
  return (
    <span className="estimate" data-testid={testid} title="mean and 95 % interval">
      {head}
      {tail && <span className="muted"> [{tail}</span>}
    </span>
  );
}

export interface Column<T> {
  title: ReactNode;
  cell: (row: T) => ReactNode;
  /** Right-aligned tabular figures. */
  number?: boolean;
  /** What to sort by; without it the column does not sort. */
  sort?: (row: T) => string | number | null | undefined;
}

interface TableProps<T> {
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  /** What unfolds below a row, or nothing. */
  detail?: (row: T) => ReactNode;
  /** For the table as a whole, read by screen readers. */
  label: string;
  empty?: ReactNode;
  /** How many rows to show, after sorting. */
  first?: number;
}

/** Rows carry `data-testid="row-<key>"`; headings with `sort` are buttons. */
export function DataTable<T>({
  columns,
  rows,
  rowKey,
  label,
  detail,
  first,
  empty = "Nothing here yet.",
}: TableProps<T>) {
  const [order, setOrder] = useState<{ at: number; down: boolean } | null>(null);
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  const by = order && columns[order.at]?.sort;
  const shown = by ? [...rows].sort((a, b) => compare(by(a), by(b)) * (order.down ? -1 : 1)) : rows;
  return (
    <div className="table-wrap">
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map((column, at) => {
              const mine = order?.at === at;
              const flip = () => setOrder({ at, down: mine ? !order.down : false });
              return (
                <th
                  key={at}
                  className={column.number ? "number" : ""}
                  aria-sort={mine ? sorted(order.down) : undefined}
                >
                  {column.sort ? (
                    <button type="button" onClick={flip}>
                      {column.title}
                      <span aria-hidden="true">{mine ? (order.down ? " ↓" : " ↑") : ""}</span>
                    </button>
                  ) : (
                    column.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.slice(0, first).map((row) => {
            const more = detail?.(row);
            return (
              <Fragment key={rowKey(row)}>
                <tr data-testid={`row-${rowKey(row)}`}>
                  {columns.map((column, at) => (
                    <td key={at} className={column.number ? "number" : undefined}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
                {more && (
                  <tr className="detail">
                    <td colSpan={columns.length}>{more}</td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const sorted = (down: boolean) => (down ? "descending" : "ascending");

function compare(a: string | number | null | undefined, b: string | number | null | undefined): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty muted">{children}</p>;
}

export function Loading({ label = "Loading" }: { label?: string }) {
  return (
    <p className="loading muted" role="status">
      <span className="spinner" aria-hidden="true" /> {label} …
    </p>
  );
}

/** What the server says, as a sentence if so asked; what stands between backticks is code. */
export function Words({ text, sentence }: { text: string; sentence?: boolean }) {
  const parts = (sentence ? text.slice(0, 1).toUpperCase() + text.slice(1) : text).split("`");
  return parts.map((part, at) => (at % 2 && at < parts.length - 1 ? <code key={at}>{part}</code> : part));
}

/** What went wrong and what to do about it. */
export function Problem({ error, retry }: { error: Error | ProblemError; retry?: () => void }) {
  const remedy = "remedy" in error ? error.remedy : "";
  return (
    <div className="problem" role="alert" data-testid="problem">
      <strong>
        <Words text={error.message} />
      </strong>
      {remedy && (
        <p>
          <Words text={remedy} sentence />
        </p>
      )}
      {retry && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  error?: ReactNode;
  children: ReactNode;
}

/** A labelled control; the control stands inside the label. */
export function Field({ label, hint, error, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="field">
      <span className="field-label">{label}</span>
      {children}
      {error ? (
        <span className="field-error" role="alert">
          {error}
        </span>
      ) : (
        hint && <span className="muted small">{hint}</span>
      )}
    </label>
  );
}

interface ToggleProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  testid?: string;
  disabled?: boolean;
}

/** A button that stays pressed. */
export function Toggle({ label, checked, onChange, testid, disabled }: ToggleProps) {
  return (
    <button
      type="button"
      className="button toggle"
      aria-pressed={checked}
      onClick={() => onChange(!checked)}
      data-testid={testid}
      disabled={disabled}
    >
      {label}
    </button>
  );
}

interface DialogProps {
  title: string;
  onClose: () => void;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

/** Modal while it is mounted; Escape closes it. */
export function Dialog({ title, onClose, actions, wide, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    if (!box.current?.open) box.current?.showModal();
    return () => before?.focus(); // a dialog that is taken away gives nothing back by itself
  }, []);
  return (
    <dialog
      ref={box}
      className={wide ? "wide" : undefined}
      aria-labelledby={heading}
      data-testid="dialog"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-head">
        <h2 id={heading}>{title}</h2>
        <button
          type="button"
          className="button quiet"
          aria-label="Close"
          onClick={onClose}
          data-testid="dialog-close"
        >
          ×
        </button>
      </div>
      {children}
      {actions && <div className="row end">{actions}</div>}
    </dialog>
  );
}
