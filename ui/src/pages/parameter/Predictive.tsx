/** What the belief or the fit predicted, beside what came. */
import { Fragment, useMemo } from "react";
import type { Predictive } from "../../api/parameters";
import { axis, Chart, count, DataTable, type Ink, significant } from "../../parts";
import { tip } from "../../parts/tip";
import { type Drawing, pointing } from "./axes";

export function PredictiveCheck({ check }: { check: Predictive }) {
  const { exact } = check;
  const drawing = useMemo(() => (exact ? exactDrawing(exact) : () => ({})), [exact]);
  return (
    <div className="stack-1" data-testid="predictive">
      <h3>Predictive check</h3>
      <p className="muted">{check.detail}</p>
      {exact && (
        <Chart
          option={drawing}
          height={200}
          label={
            `Predicted ${exact.statistic} of n ${count(exact.n)}: 95 % between ${count(exact.lower)} and ` +
            `${count(exact.upper)}; observed ${count(exact.observed)}, mid-p ${significant(exact.mid_p)}.`
          }
        />
      )}
      {check.checks.map((one) => (
        <Fragment key={one.unit}>
          <p className="muted small">{one.unit}</p>
          <DataTable
            label={`${one.unit}, observed beside ${count(one.draws)} replications`}
            rows={one.rows}
            rowKey={(row) => row.name}
            columns={[
              { title: "Statistic", cell: (row) => row.name },
              { title: "Observed", number: true, cell: (row) => significant(row.observed) },
              { title: "Replicated", number: true, cell: (row) => significant(row.mean) },
              {
                title: "95 % of replications",
                number: true,
                cell: (row) => `${significant(row.lower)} – ${significant(row.upper)}`,
              },
              { title: "p", number: true, cell: (row) => significant(row.p) },
              {
                title: "Fits",
                cell: (row) => (one.poor.includes(row.name) ? "✕ poorly" : "✓ yes"),
              },
            ]}
          />
        </Fragment>
      ))}
    </div>
  );
}

const exactDrawing =
  (exact: NonNullable<Predictive["exact"]>): Drawing =>
  (ink) => {
    const inside = (x: number) => x >= exact.lower && x <= exact.upper;
    const line = (name: string, all: boolean) => ({
      type: "line",
      name,
      data: exact.x.map((x, i) => [x, all || inside(x) ? (exact.density[i] ?? null) : null]),
      symbol: "none",
      lineStyle: { color: ink.posterior, width: all ? 2 : 0 },
      ...(!all && { areaStyle: { color: ink.posterior, opacity: 0.16 } }),
      emphasis: { disabled: true },
    });
    return {
      grid: { left: 12, right: 12, top: 32, bottom: 24, containLabel: true },
      tooltip: pointing(ink, ([row]) => tip(`${count(row?.axisValue)} ${exact.statistic}`, [])),
      xAxis: {
        type: "value",
        ...axis(ink),
        splitLine: { show: false },
        name: `${exact.statistic} of n ${count(exact.n)}`,
        nameLocation: "middle",
        nameGap: 26,
        scale: true,
      },
      yAxis: { type: "value", show: false },
      series: [
        line("95 %", false),
        { ...line("Predicted", true), markLine: observedLine(exact, ink) },
        { type: "line", data: [[exact.observed, 0]], symbol: "none", silent: true }, // within the axis
      ],
    };
  };

const observedLine = (exact: NonNullable<Predictive["exact"]>, ink: Ink) => ({
  symbol: "none",
  silent: true,
  lineStyle: { color: ink.observed, type: "solid", width: 2 },
  label: {
    formatter: `observed ${count(exact.observed)}`,
    color: ink.observed,
    align: exact.observed < (exact.mean ?? 0) ? "left" : "right",
  },
  data: [{ xAxis: exact.observed }],
});
