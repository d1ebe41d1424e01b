/** The density being typed, beside the prior in force. */
import type { Curves, Feasibility, Quantity } from "../../api/parameters";
import { type Drawing, legend, valueAxis } from "./axes";

export const densityDrawing =
  (type: Quantity, curves: Curves | undefined, seen: Feasibility | null): Drawing =>
  (ink) => {
    const line = (name: string, x: number[], y: number[], colour: string, dashed: boolean) => ({
      type: "line",
      name,
      data: x.map((at, i) => [at, y[i] ?? 0]),
      symbol: "none",
      lineStyle: { color: colour, width: 2, type: dashed ? "dashed" : "solid" },
      itemStyle: { color: colour },
      ...(!dashed && { areaStyle: { color: colour, opacity: 0.14 } }),
      emphasis: { disabled: true },
    });
    const typed = seen?.feasible && seen.x && seen.density;
    const series = [
      ...(curves?.prior ? [line("Prior in force", curves.x, curves.prior, ink.prior, true)] : []),
      ...(typed ? [line("As typed", seen.x ?? [], seen.density ?? [], ink.posterior, false)] : []),
    ];
    return {
      grid: { left: 12, right: 12, top: 36, bottom: 4, containLabel: true },
      legend: legend(
        ink,
        series.map((one) => one.name),
      ),
      xAxis: { ...valueAxis(type, ink), splitLine: { show: false } },
      yAxis: { type: "value", show: false },
      series,
    };
  };
