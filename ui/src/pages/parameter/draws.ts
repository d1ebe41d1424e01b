/** Chains of draws: where each went, and how their ranks are spread. */
import type { Ranks, Trace } from "../../api/parameters";
import { axis, type Ink } from "../../parts";
import { tip } from "../../parts/tip";
import { type Drawing, legend, pointing } from "./axes";

const DASHES = ["solid", "dashed", "dotted", [8, 3, 2, 3]];
const GRID = { left: 4, right: 12, top: 36, bottom: 20, containLabel: true };

const names = (chains: unknown[]) => chains.map((_, index) => `Chain ${index + 1}`);

const numbered = (name: string, ink: Ink) => ({
  type: "value",
  name,
  nameLocation: "middle",
  nameGap: 24,
  max: "dataMax",
  ...axis(ink),
  splitLine: { show: false },
});

export const traceDrawing =
  (trace: Trace): Drawing =>
  (ink) => ({
    grid: GRID,
    legend: trace.chains.length > 1 ? legend(ink, names(trace.chains)) : undefined,
    xAxis: numbered("draw", ink),
    yAxis: { type: "value", scale: true, ...axis(ink) },
    series: trace.chains.map((draws, index) => ({
      type: "line",
      name: `Chain ${index + 1}`,
      data: draws.map((value, at) => [at + 1, value]),
      symbol: "none",
      lineStyle: { width: 1, opacity: 0.8 },
      emphasis: { disabled: true },
    })),
  });

export const ranksDrawing =
  (ranks: Ranks): Drawing =>
  (ink) => ({
    grid: GRID,
    legend: legend(ink, names(ranks.chains)),
    tooltip: pointing(ink, (rows) =>
      tip(
        `Ranks around ${Math.round((rows[0]?.axisValue ?? 0) * 100)} %, ${ranks.expected?.toFixed(0)} expected`,
        rows.map((row) => [row.seriesName, String(row.value[1])]),
      ),
    ),
    xAxis: { ...numbered("share of the ranks", ink), min: 0, max: 1 },
    yAxis: { type: "value", ...axis(ink) },
    series: ranks.chains.map((counts, index) => ({
      type: "line",
      step: "middle",
      name: `Chain ${index + 1}`,
      data: counts.map((count, bin) => [ranks.bins[bin], count]),
      symbol: "none",
      lineStyle: { width: 1.5, type: DASHES[index % DASHES.length] },
      emphasis: { disabled: true },
      ...(index === 0 && { markLine: expected(ranks, ink), markArea: tolerated(ranks, ink) }),
    })),
  });

const expected = (ranks: Ranks, ink: Ink) => ({
  symbol: "none",
  silent: true,
  label: { show: false },
  lineStyle: { color: ink.muted, type: "dashed" },
  data: ranks.expected === null ? [] : [{ yAxis: ranks.expected }],
});

const tolerated = (ranks: Ranks, ink: Ink) => ({
  silent: true,
  itemStyle: { color: ink.grey, opacity: 0.12 },
  label: { color: ink.muted, position: "insideTopRight", fontSize: 12 },
  data:
    ranks.lower === null
      ? []
      : [[{ name: "95 % of even chains", yAxis: ranks.lower }, { yAxis: ranks.upper }]],
});
