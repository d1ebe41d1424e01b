/** What those who have already entered will still convert, where conversions take days. */
import { useMemo } from "react";
import { useApi } from "../../api/client";
import type { Forecast, Parameter } from "../../api/parameters";
import { axis, Chart, count, DataTable, day } from "../../parts";
import { tip } from "../../parts/tip";
import { type Drawing, legend, pointing } from "./axes";

export function Forecasts({ parameter }: { parameter: Parameter }) {
  const { data } = useApi<Forecast>(
    parameter.edge ? `/forecast?ref=${encodeURIComponent(`e.${parameter.edge}`)}` : null,
  );
  const drawing = useMemo(() => (data ? forecastDrawing(data) : () => ({})), [data]);
  if (!data || data.parameter_id !== parameter.parameter_id) return null;
  const { total } = data;
  const words =
    `${count(Math.round(total.expected))} conversions are still expected of those who entered before ` +
    `${day(data.as_of)}, 95 % between ${count(total.lower)} and ${count(total.upper)}, until ${day(total.day)}.`;
  return (
    <div className="stack-1" data-testid="forecast">
      <h3>Running cohorts</h3>
      <p>{words}</p>
      <Chart option={drawing} height={220} label={words} testid="chart-forecast" />
      <details>
        <summary>As a table</summary>
        <DataTable
          label="Forecast by day"
          rows={data.days}
          rowKey={(row) => row.day}
          columns={[
            { title: "Day", cell: (row) => day(row.day) },
            { title: "Expected", number: true, cell: (row) => count(row.expected) },
            {
              title: "95 % interval",
              number: true,
              cell: (row) => `${count(row.lower)} – ${count(row.upper)}`,
            },
            { title: "", cell: (row) => (row.extrapolated ? "beyond what was seen" : "") },
          ]}
        />
      </details>
    </div>
  );
}

const forecastDrawing =
  (forecast: Forecast): Drawing =>
  (ink) => {
    const edge = (name: string, data: number[], opacity: number) => ({
      type: "line",
      name,
      data,
      symbol: "none",
      silent: true,
      stack: "band",
      lineStyle: { width: 0 },
      itemStyle: { color: ink.posterior, opacity: 0.35 },
      ...(opacity && { areaStyle: { color: ink.posterior, opacity } }),
    });
    const { days } = forecast;
    const looks = axis(ink);
    return {
      grid: { left: 4, right: 12, top: 56, bottom: 4, containLabel: true },
      legend: legend(ink, ["Expected"], ["95 % interval"]),
      tooltip: pointing(ink, (rows) => {
        const one = days.find((row) => row.day === String(rows[0]?.axisValue));
        if (!one) return tip("", []);
        return tip(day(one.day), [
          ["Expected", count(one.expected)],
          ["95 % interval", `${count(one.lower)} – ${count(one.upper)}`],
        ]);
      }),
      xAxis: {
        type: "category",
        data: days.map((row) => row.day),
        ...looks,
        axisLabel: { ...looks.axisLabel, formatter: (iso: string) => day(iso).slice(0, -5) },
      },
      yAxis: { type: "value", name: "conversions", ...looks },
      series: [
        edge(
          "lower",
          days.map((row) => row.lower),
          0,
        ),
        edge(
          "95 % interval",
          days.map((row) => row.upper - row.lower),
          0.16,
        ),
        {
          type: "line",
          name: "Expected",
          data: days.map((row) => row.expected),
          symbol: "circle",
          symbolSize: 6,
          lineStyle: { color: ink.posterior, width: 2.5 },
          itemStyle: { color: ink.posterior },
        },
      ],
    };
  };
