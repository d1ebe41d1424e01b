/** The prior, what was observed and the posterior as densities. */
import type { Curves } from "../../api/parameters";
import { type Ink, interval, rate } from "../../parts";
import { tip } from "../../parts/tip";
import { type Drawing, legend, pointing, valueAxis } from "./axes";

interface Curve {
  name: string;
  y: number[];
  peak: number;
  colour: string;
  dash: "solid" | "dashed" | "dotted";
}

function curvesOf({ x, prior, observed, posterior }: Curves, ink: Ink): Curve[] {
  const drawn = (name: string, y: number[] | null, colour: string, dash: Curve["dash"]) =>
    y?.length ? [{ name, y, peak: x[y.indexOf(Math.max(...y))] ?? 0, colour, dash }] : [];
  return [
    ...drawn("Prior", prior, ink.prior, "dashed"),
    ...drawn("Observed", observed, ink.observed, "dotted"),
    ...drawn("Posterior", posterior, ink.posterior, "solid"),
  ];
}

export const curvesDrawing =
  (curves: Curves): Drawing =>
  (ink) => {
    const shown = curvesOf(curves, ink);
    const area = shaded(curves, ink);
    return {
      grid: { left: 12, right: 12, top: 56, bottom: 4, containLabel: true },
      legend: legend(
        ink,
        shown.map((curve) => curve.name),
        area.length ? [INTERVAL] : [],
      ),
      tooltip: pointing(ink, (rows) => {
        const lines = rows.filter((row) => row.seriesName !== INTERVAL);
        return tip(
          rate(rows[0]?.axisValue, curves.scale),
          lines.map((row) => [row.seriesName, `density ${row.value[1].toPrecision(3)}`]),
        );
      }),
      xAxis: { ...valueAxis(curves.scale, ink), splitLine: { show: false } },
      yAxis: { type: "value", show: false },
      series: [...area, ...shown.map((curve) => lineOf(curve, shown, curves.x, ink.surface))],
    };
  };

const INTERVAL = "95 % of the posterior";

/** A curve with its name above its peak; peaks that are close have theirs on the outer flank. */
function lineOf(curve: Curve, all: Curve[], x: number[], surface: string) {
  const top = Math.max(...curve.y);
  const width = (x.at(-1) ?? 0) - (x[0] ?? 0);
  const close = all.find((other) => other !== curve && Math.abs(other.peak - curve.peak) < width / 8);
  const side = close ? (close.peak > curve.peak ? "left" : "right") : "top";
  const high = x.filter((_, i) => (curve.y[i] ?? 0) > 0.6 * top);
  const at = side === "top" ? [curve.peak, top] : [high.at(side === "left" ? 0 : -1) ?? 0, 0.6 * top];
  return {
    type: "line",
    name: curve.name,
    data: x.map((at, i) => [at, curve.y[i] ?? 0]),
    symbol: "none",
    lineStyle: { color: curve.colour, width: curve.dash === "solid" ? 2.5 : 2, type: curve.dash },
    itemStyle: { color: curve.colour },
    emphasis: { disabled: true },
    markPoint: {
      symbol: "circle",
      symbolSize: 1,
      silent: true,
      data: [{ coord: at }],
      label: {
        formatter: curve.name,
        color: curve.colour,
        position: side,
        distance: 8,
        fontWeight: 600,
        textBorderColor: surface,
        textBorderWidth: 3,
      },
    },
  };
}

function shaded({ interval: { lower, upper }, posterior, x }: Curves, ink: Ink) {
  if (!posterior || lower === null || upper === null) return [];
  const inside = x.flatMap((at, i) => (at >= lower && at <= upper ? [[at, posterior[i] ?? 0]] : []));
  return [
    {
      type: "line",
      name: INTERVAL,
      data: inside,
      symbol: "none",
      silent: true,
      lineStyle: { width: 0 },
      itemStyle: { color: ink.posterior, opacity: 0.35 },
      areaStyle: { color: ink.posterior, opacity: 0.16 },
      emphasis: { disabled: true },
    },
  ];
}

/** The chart in words. */
export function curvesSummary(curves: Curves, mean: number | null): string {
  const { lower, upper } = curves.interval;
  const peak = (name: string, y: number[] | null) =>
    y?.length ? `${name} peaks at ${rate(curves.x[y.indexOf(Math.max(...y))], curves.scale)}. ` : "";
  return (
    peak("Prior", curves.prior) +
    peak("Observed", curves.observed) +
    (mean === null ? "No posterior yet." : `Posterior ${interval(mean, lower, upper, curves.scale)}.`)
  );
}
