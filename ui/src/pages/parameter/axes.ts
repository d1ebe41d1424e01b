/** What the charts of a parameter share: its scale along an axis, and the legend. */
import type { EChartsCoreOption } from "echarts/core";
import type { Quantity } from "../../api/parameters";
import { axis, type Ink, rate, tooltip } from "../../parts";

/** An option that waits for the theme's colours. */
export type Drawing = (ink: Ink) => EChartsCoreOption;

/** A row of an axis tooltip, as ECharts hands it over. */
export interface Pointed {
  seriesName: string;
  axisValue: number;
  value: [number, number];
}

/** An axis in the unit of a quantity. */
export function valueAxis(type: Quantity, ink: Ink) {
  const short = (x: number) =>
    type === "probability" ? `${Number((x * 100).toPrecision(4))} %` : rate(x, type);
  const looks = axis(ink);
  return {
    type: "value" as const,
    ...looks,
    scale: true,
    axisLabel: { ...looks.axisLabel, formatter: short, hideOverlap: true },
  };
}

/** A legend: lines without dots; `areas` as filled boxes, `points` as dots. */
export const legend = (ink: Ink, lines: string[], areas: string[] = [], points: string[] = []) => ({
  top: 0,
  left: 0,
  itemWidth: 26,
  itemHeight: 8,
  textStyle: { color: ink.muted },
  data: [
    ...lines.map((name) => ({ name, itemStyle: { opacity: 0 } })),
    ...areas.map((name) => ({ name, icon: "roundRect" })),
    ...points.map((name) => ({ name, icon: "circle" })),
  ],
});

/** A tooltip over everything at one place of the x axis. */
export const pointing = (ink: Ink, told: (rows: Pointed[]) => HTMLElement) => ({
  ...tooltip(ink),
  formatter: (rows: unknown) => told([rows].flat() as Pointed[]),
});
