/** All parameters by light: filtered by the server, sorted and turned page by page here. */
import { useEffect, useMemo, useState } from "react";
import { api, useApi } from "../../api/client";
import { type ParameterPage, type ParameterRow, parameterLink } from "../../api/parameters";
import {
  ago,
  type Column,
  count,
  DataTable,
  day,
  Estimate,
  LIGHTS,
  type Light,
  LightMark,
  Loading,
  Problem,
  rate,
  sigmas,
} from "../../parts";

const ORDER = Object.keys(LIGHTS) as Light[];
const SHOWN = 25;
const ASKED = 1000;

const COLUMNS: Column<ParameterRow>[] = [
  {
    title: "Light",
    cell: (row) => <LightMark light={row.light} label testid={`light-${row.parameter_id}`} />,
    sort: (row) => ORDER.indexOf(row.light),
  },
  {
    title: "Parameter",
    cell: (row) => (
      <>
        <a href={parameterLink(row.parameter_id)}>{row.parameter_id}</a>
        <span className="muted small">{row.name}</span>
      </>
    ),
    sort: (row) => row.parameter_id,
  },
  { title: "Expected", number: true, cell: (row) => rate(row.prior_mean, row.type) },
  {
    title: "Posterior",
    number: true,
    cell: (row) =>
      row.size ? (
        <Estimate mean={row.posterior_mean} lower={row.lower} upper={row.upper} scale={row.type} />
      ) : (
        "–"
      ),
  },
  {
    title: "σ",
    number: true,
    cell: (row) => sigmas(row.sigma),
    sort: (row) => row.sigma && Math.abs(row.sigma),
  },
  { title: "n", number: true, cell: (row) => count(row.size), sort: (row) => row.size },
  { title: "Since", cell: (row) => (row.since ? day(row.since) : "–"), sort: (row) => row.since },
  { title: "Read", cell: (row) => ago(row.age_days), sort: (row) => row.age_days },
];

export function Parameters() {
  const [light, setLight] = useState<Light | "">("");
  const [q, setWords] = useState("");
  const [tag, setTag] = useState("");
  const asked = useQuiet(
    new URLSearchParams({ limit: String(ASKED), ...given({ light, q, tag }) }).toString(),
  );
  const { data, error, reload } = useApi<ParameterPage>(`/parameters?${asked}`);
  const [known, setKnown] = useState<ParameterPage>();
  useEffect(() => {
    if (data) setKnown(data); // the last answer stays while the next one is awaited
  }, [data]);
  return (
    <section className="card" data-testid="parameters">
      <div className="form">
        <fieldset>
          <legend>Light</legend>
          <div className="chips">
            {ORDER.map((one) => (
              <button
                key={one}
                type="button"
                className="button"
                aria-pressed={light === one}
                data-testid={`filter-${one}`}
                title={LIGHTS[one].word}
                onClick={() => setLight(light === one ? "" : one)}
              >
                {light === one ? (
                  <span aria-hidden="true">{LIGHTS[one].shape}</span>
                ) : (
                  <LightMark light={one} />
                )}
                {LIGHTS[one].group} <strong>{known?.counts[one] ?? "–"}</strong>
              </button>
            ))}
          </div>
        </fieldset>
        <Search label="Words" testid="filter-text" value={q} set={setWords} hint="id, name, edge or tag" />
        <Search label="Tag" testid="filter-tag" value={tag} set={setTag} hint="" />
      </div>
      {error && <Problem error={error} retry={reload} />}
      {!known && !error && <Loading />}
      {known && <Rows key={asked} page={known} asked={asked} />}
    </section>
  );
}

const given = (asked: Record<string, string>) =>
  Object.fromEntries(Object.entries(asked).filter(([, value]) => value));

function Search(props: {
  label: string;
  testid: string;
  value: string;
  set: (to: string) => void;
  hint: string;
}) {
  return (
    <label className="field">
      <span className="field-label">{props.label}</span>
      <input
        type="search"
        data-testid={props.testid}
        value={props.value}
        placeholder={props.hint}
        onChange={(event) => props.set(event.target.value)}
      />
    </label>
  );
}

/** What is asked once typing rests for a moment. */
function useQuiet(value: string): string {
  const [quiet, setQuiet] = useState(value);
  useEffect(() => {
    const wait = setTimeout(() => setQuiet(value), 150);
    return () => clearTimeout(wait);
  }, [value]);
  return quiet;
}

function Rows({ page, asked }: { page: ParameterPage; asked: string }) {
  const [more, setMore] = useState<ParameterRow[]>([]);
  const [next, setNext] = useState(page.next);
  const [shown, setShown] = useState(SHOWN);
  const rows = useMemo(
    () => [...page.items, ...more].sort((a, b) => ORDER.indexOf(a.light) - ORDER.indexOf(b.light)),
    [page, more],
  );
  const load = async () => {
    const answer = await api.get<ParameterPage>(
      `/parameters?${asked}&cursor=${encodeURIComponent(next ?? "")}`,
    );
    setMore([...more, ...answer.items]);
    setNext(answer.next);
  };
  return (
    <>
      <DataTable
        label="Parameters"
        columns={COLUMNS}
        rows={rows}
        first={shown}
        rowKey={(row) => row.parameter_id}
        empty="No parameter is like that. Take a filter away."
      />
      <div className="row end">
        <span className="muted" data-testid="shown">
          {Math.min(shown, rows.length)} of {count(page.total)}
        </span>
        {shown < rows.length ? (
          <button
            type="button"
            className="button small"
            data-testid="show-more"
            onClick={() => setShown(shown + 4 * SHOWN)}
          >
            Show more
          </button>
        ) : (
          next && (
            <button
              type="button"
              className="button small"
              data-testid="load-more"
              onClick={() => void load()}
            >
              Load {ASKED} more
            </button>
          )
        )}
      </div>
    </>
  );
}
