/** Entries by day, with how many of them had come through after so many days. */
import type { Cohort, Funnel } from "../../api/funnel";
import { type Column, count, DataTable, day, Estimate, percent } from "../../parts";

const AGES = 8;

export function Cohorts({ funnel }: { funnel: Funnel }) {
  const ages = Math.min(AGES, Math.max(0, ...funnel.cohorts.map((one) => one.by_age.length)));
  return (
    <section className="card" data-testid="funnel-cohort-table">
      <h2>By day of entry</h2>
      <p className="muted">Share of a day's entries that had come through by the day after so many days.</p>
      <DataTable
        label="Cohorts by day of entry"
        rows={[...funnel.cohorts].reverse()}
        rowKey={(row) => `cohort-${row.day}`}
        columns={[
          { title: "Entered", cell: (row) => day(row.day) },
          { title: "Entries", number: true, cell: (row) => count(row.entries) },
          ...Array.from({ length: ages }, (_, age): Column<Cohort> => byAge(age)),
          {
            title: "Whole window",
            number: true,
            cell: (row) =>
              row.conversion ? (
                <Estimate
                  mean={row.conversion.rate}
                  lower={row.conversion.lower}
                  upper={row.conversion.upper}
                />
              ) : (
                "still open"
              ),
          },
        ]}
      />
    </section>
  );
}

/** Come through up to an age; nothing where the data end before. */
const byAge = (age: number): Column<Cohort> => ({
  title: `${age} d`,
  number: true,
  cell: ({ by_age, entries }) => {
    const until = by_age.slice(0, age + 1);
    if (by_age.length <= age || until.some((n) => n === null) || entries === 0) return "";
    return percent(until.reduce<number>((sum, n) => sum + (n ?? 0), 0) / entries);
  },
});
