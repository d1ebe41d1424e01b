/** The two tables of record: evidence as it was read, and the values the parameter took. */
import { useState } from "react";
import { download, type Page, useApi } from "../../api/client";
import { type HistoryRow, type LedgerRow, type Parameter, parameterPath, SUMS } from "../../api/parameters";
import { type Column, count, DataTable, day, Loading, lasting, moment, Problem, rate } from "../../parts";

export function Ledger({ parameter }: { parameter: Parameter }) {
  const [size, total, squares] = SUMS[parameter.type];
  const columns: Column<LedgerRow>[] = [
    { title: "Day", cell: (row) => day(row.first) },
    { title: size, number: true, cell: (row) => count(row.size) },
    { title: total, number: true, cell: (row) => count(row.total) },
    ...(squares ? [{ title: squares, number: true, cell: (row: LedgerRow) => count(row.squares) }] : []),
    {
      title: "Age",
      cell: (row) =>
        (row.age === "final" ? "final" : lasting(Number(row.age))) + (row.slice && `, ${row.slice}`),
    },
    {
      title: "Seen",
      cell: (row) => moment(row.seen_at) + (row.backfilled ? ", backfilled" : ""),
    },
    { title: "Version", number: true, cell: (row) => row.version },
  ];
  return (
    <Records<LedgerRow>
      parameter={parameter}
      part="ledger"
      title="Evidence ledger"
      columns={columns}
      empty="Nothing has been read of this parameter yet."
      rowKey={(row) => `${row.first}/${row.age}/${row.slice}/${row.version}/${row.seen_at}`}
    />
  );
}

export function History({ parameter }: { parameter: Parameter }) {
  return (
    <Records<HistoryRow>
      parameter={parameter}
      part="history"
      title="History"
      empty="It has had no value yet."
      rowKey={(row) => `${row.timestamp}/${row.source}/${row.mean}`}
      columns={[
        { title: "At", cell: (row) => moment(row.timestamp) },
        { title: "Mean", number: true, cell: (row) => rate(row.mean, parameter.type) },
        { title: "± stdev", number: true, cell: (row) => rate(row.stdev, parameter.type) },
        { title: "Source", cell: (row) => row.source },
        { title: "By", cell: (row) => row.who || "–" },
        { title: "From", cell: (row) => row.detail || "–" },
      ]}
    />
  );
}

interface Props<T> {
  parameter: Parameter;
  part: "ledger" | "history";
  title: string;
  empty: string;
  columns: Column<T>[];
  rowKey: (row: T) => string;
}

const PAGE = 10;

function Records<T>({ parameter, part, title, empty, columns, rowKey }: Props<T>) {
  const path = parameterPath(parameter.parameter_id, part);
  const [cursors, setCursors] = useState<string[]>([]);
  const at = cursors.at(-1);
  const { data, error } = useApi<Page<T>>(
    `${path}?limit=${PAGE}${at ? `&cursor=${encodeURIComponent(at)}` : ""}`,
  );
  const next = data?.next;
  const first = cursors.length * PAGE + 1;
  return (
    <section className="card" data-testid={part}>
      <header className="row between">
        <h2>{title}</h2>
        <button
          type="button"
          className="button quiet small"
          data-testid={`${part}-csv`}
          onClick={() => download(`${path}?format=csv`, `${parameter.parameter_id}-${part}.csv`)}
        >
          Download CSV
        </button>
      </header>
      {error ? <Problem error={error} /> : null}
      {!data && !error && <Loading />}
      {data && <DataTable label={title} rows={data.items} rowKey={rowKey} columns={columns} empty={empty} />}
      {data && data.total > PAGE && (
        <footer className="row end">
          <span className="muted">
            {first}–{Math.min(first + PAGE - 1, data.total)} of {count(data.total)}
          </span>
          <button
            type="button"
            className="button small"
            data-testid={`${part}-newer`}
            disabled={cursors.length === 0}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            Newer
          </button>
          <button
            type="button"
            className="button small"
            data-testid={`${part}-older`}
            disabled={!next}
            onClick={() => next && setCursors([...cursors, next])}
          >
            Older
          </button>
        </footer>
      )}
    </section>
  );
}
