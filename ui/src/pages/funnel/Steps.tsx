/** The steps as bars with counts, rates with their intervals, and times. */
import type { Conversion, Funnel } from "../../api/funnel";
import { count, DataTable, day, Estimate } from "../../parts";
import { span } from "../../parts/span";

/** The rate that was seen, with the interval of what is believed of it. */
function Rate({ of }: { of: Conversion | null }) {
  if (!of) return "–";
  return <Estimate mean={of.rate} lower={of.lower} upper={of.upper} />;
}

export function Steps({ funnel }: { funnel: Funnel }) {
  const most = Math.max(...funnel.steps.map((step) => step.count), 1);
  const last = funnel.steps.at(-1);
  return (
    <section className="card" data-testid="funnel-result">
      <div>
        <p className="muted">From entry to {last?.name}</p>
        <p className="headline">
          <Rate of={last?.from_entry ?? null} />
        </p>
        <p className="muted">
          {count(funnel.entries)} entries whose window has passed by {day(funnel.until)}
          {funnel.open_entries > 0 && `; ${count(funnel.open_entries)} later ones are still open`}
        </p>
      </div>
      <DataTable
        label="Steps of the funnel"
        rows={funnel.steps}
        rowKey={(step) => `step-${step.name}`}
        columns={[
          { title: "Step", cell: (step) => step.name + (step.optional ? " (optional)" : "") },
          {
            title: "Reached it",
            cell: (step) => (
              <span className="bar-cell" aria-hidden="true">
                <span style={{ width: `${(100 * step.count) / most}%` }} />
              </span>
            ),
          },
          { title: "Count", number: true, cell: (step) => count(step.count) },
          { title: "Of the step before", number: true, cell: (step) => <Rate of={step.from_previous} /> },
          { title: "Of all entries", number: true, cell: (step) => <Rate of={step.from_entry} /> },
          { title: "Median time", number: true, cell: (step) => span(step.delay_from_previous?.median) },
          { title: "9 in 10 within", number: true, cell: (step) => span(step.delay_from_previous?.p90) },
        ]}
      />
    </section>
  );
}
