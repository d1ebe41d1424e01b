/** The posterior from night to night with its interval, its prior, what was seen, and the incidents. */
import type { Band, BandPoint, Quantity } from "../../api/parameters";
import { axis, day, type Ink, interval, LIGHTS, type Light, rate } from "../../parts";
import { tip } from "../../parts/tip";
import { type Drawing, legend, pointing, valueAxis } from "./axes";

const MEAN = "Posterior";
const PRIOR = "Prior";
const WITHIN = "95 % interval";
const SEEN = "Observed, by light";

export const bandDrawing =
  (band: Band, type: Quantity): Drawing =>
  (ink) => {
    const points = band.points.filter((point) => point.mean !== null);
    const looks = axis(ink);
    return {
      grid: { left: 4, right: 12, top: 40, bottom: 4, containLabel: true },
      legend: legend(ink, [MEAN, PRIOR], [WITHIN], [SEEN]),
      tooltip: pointing(ink, (rows) => {
        const date = new Date(rows[0]?.axisValue ?? 0).toISOString().slice(0, 10);
        const point = band.points.find((one) => one.as_of === date);
        return point ? night(point, type) : tip(day(date), []);
      }),
      useUTC: true,
      xAxis: {
        type: "time",
        ...looks,
        splitLine: { show: false },
        axisLabel: { ...looks.axisLabel, hideOverlap: true, showMaxLabel: false, formatter: "{d} {MMM}" },
      },
      yAxis: valueAxis(type, ink),
      series: [
        ...within(points, ink),
        ...priors(band, ink),
        { ...meanLine(points, ink), markArea: incidents(band, ink) },
        observed(points, ink),
      ],
    };
  };

function night(point: BandPoint, type: Quantity) {
  return tip(`Night of ${day(point.as_of)}`, [
    ["Posterior", interval(point.mean, point.lower, point.upper, type)],
    ["Observed in its window", rate(point.observed, type)],
    ["Light", LIGHTS[point.light].word],
    ["Outcome", point.outcome.replaceAll("_", " ") + (point.published ? ", published" : "")],
  ]);
}

/** Two stacked lines: the lower end without ink, and the width above it as an area. */
function within(points: BandPoint[], ink: Ink) {
  const edge = (name: string, data: unknown[], opacity: number) => ({
    type: "line",
    name,
    data,
    symbol: "none",
    silent: true,
    stack: "band",
    stackStrategy: "all",
    lineStyle: { width: 0 },
    itemStyle: { color: ink.posterior, opacity: 0.35 },
    ...(opacity && { areaStyle: { color: ink.posterior, opacity } }),
  });
  return [
    edge(
      "lower",
      points.map((point) => [point.as_of, point.lower]),
      0,
    ),
    edge(
      WITHIN,
      points.map((point) => [point.as_of, (point.upper ?? 0) - (point.lower ?? 0)]),
      0.16,
    ),
  ];
}

const SYMBOLS: Record<Light, string> = {
  red: "rect",
  amber: "triangle",
  green: "circle",
  grey: "emptyCircle",
  stale: "emptyDiamond",
};

/** What a night saw, in the colour and the shape of its light. */
function observed(points: BandPoint[], ink: Ink) {
  return {
    type: "scatter",
    name: SEEN,
    itemStyle: { color: ink.muted },
    symbolSize: 8,
    z: 4,
    data: points
      .filter((point) => point.observed !== null)
      .map((point) => ({
        value: [point.as_of, point.observed],
        symbol: SYMBOLS[point.light],
        itemStyle: { color: ink[point.light] },
      })),
  };
}

function priors(band: Band, ink: Ink) {
  const [first, last] = [band.points[0]?.as_of ?? "", band.points.at(-1)?.as_of ?? ""];
  return band.priors.map(({ since, mean }, index) => ({
    type: "line",
    name: PRIOR,
    symbol: "none",
    data: [
      [[since, first].sort().at(-1), mean],
      [band.priors[index + 1]?.since ?? last, mean],
    ],
    lineStyle: { color: ink.prior, width: 2, type: "dashed" },
    itemStyle: { color: ink.prior },
    emphasis: { disabled: true },
  }));
}

function meanLine(points: BandPoint[], ink: Ink) {
  return {
    type: "line",
    name: MEAN,
    data: points.map((point) => [point.as_of, point.mean]),
    symbol: points.length === 1 ? "circle" : "none",
    symbolSize: 8,
    lineStyle: { color: ink.posterior, width: 2.5 },
    itemStyle: { color: ink.posterior },
    emphasis: { disabled: true },
    z: 3,
  };
}

function incidents(band: Band, ink: Ink) {
  const last = band.points.at(-1)?.as_of ?? "";
  return {
    silent: true,
    itemStyle: { color: ink.red, opacity: 0.09 },
    label: { color: ink.red, position: "insideTopLeft", fontSize: 12, distance: 8 },
    data: band.incidents.map((one) => {
      const since = one.since ?? one.opened_on;
      const words = one.state === "resolved" ? "resolved incident" : "incident";
      return [{ name: `${words} since ${day(since)}`, xAxis: since }, { xAxis: one.resolved_on ?? last }];
    }),
  };
}

/** The chart in words. */
export function bandSummary(band: Band, type: Quantity): string {
  const points = band.points.filter((point) => point.mean !== null);
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return "No night has a posterior yet.";
  const lights = (Object.keys(LIGHTS) as Light[])
    .map((light) => [points.filter((point) => point.light === light).length, light] as const)
    .filter(([nights]) => nights > 0);
  return (
    `Posterior ${interval(first.mean, first.lower, first.upper, type)} on ${day(first.as_of)}, ` +
    `${interval(last.mean, last.lower, last.upper, type)} on ${day(last.as_of)}. ` +
    `Nights: ${lights.map((pair) => pair.join(" ")).join(", ")}. ` +
    `Incidents: ${band.incidents.map((one) => one.message).join("; ") || "none"}.`
  );
}
