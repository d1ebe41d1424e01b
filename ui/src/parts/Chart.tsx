import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { useEffect, useRef } from "react";
import { useThemeVersion } from "../app/theme";

/** The theme's colours, for options: ECharts knows no CSS variables. */
export interface Ink {
  text: string;
  muted: string;
  line: string;
  surface: string;
  accent: string;
  prior: string;
  posterior: string;
  observed: string;
  red: string;
  amber: string;
  green: string;
  grey: string;
  stale: string;
  series: string[];
}

interface ChartProps {
  /** Called again when the theme changes; keep it stable with `useCallback`. */
  option: (ink: Ink) => EChartsCoreOption;
  height: number;
  /** What the chart shows, in words: its text for screen readers. */
  label: string;
  testid?: string;
}

const NAMES = ["text", "muted", "line", "surface", "accent", "prior", "posterior", "observed"] as const;
const LIGHT_NAMES = ["red", "amber", "green", "grey", "stale"] as const;

function readInk(): Ink {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const ink = Object.fromEntries([...NAMES, ...LIGHT_NAMES].map((name) => [name, read(name)]));
  return { ...ink, series: [1, 2, 3, 4, 5, 6].map((at) => read(`series-${at}`)) } as unknown as Ink;
}

/** ECharts as SVG, in the page's type and colours, redrawn with its box and the theme. */
export function Chart({ option, height, label, testid }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType>(null);
  const theme = useThemeVersion();
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours are read again when the theme changes
  useEffect(() => {
    let gone = false;
    const draw = async () => {
      const { init } = await import("./echarts");
      if (gone || !box.current) return;
      chart.current ??= init(box.current, null, { renderer: "svg" });
      const ink = readInk();
      chart.current.setOption(
        {
          animation: false,
          color: ink.series,
          textStyle: { fontFamily: "system-ui, sans-serif", fontSize: 12, color: ink.text },
          grid: { left: 8, right: 12, top: 12, bottom: 4, containLabel: true },
          ...option(ink),
        },
        { notMerge: true },
      );
    };
    draw();
    return () => {
      gone = true;
    };
  }, [option, theme]);
  useEffect(() => {
    const sizes = new ResizeObserver(() => chart.current?.resize());
    if (box.current) sizes.observe(box.current);
    return () => {
      sizes.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);
  return (
    <div ref={box} style={{ height }} className="chart" role="img" aria-label={label} data-testid={testid} />
  );
}

/** Axis looks shared by every chart: `xAxis: { type: "value", ...axis(ink) }`. */
export function axis(ink: Ink) {
  return {
    axisLine: { lineStyle: { color: ink.line } },
    axisTick: { show: false },
    axisLabel: { color: ink.muted, fontSize: 12 },
    splitLine: { lineStyle: { color: ink.line, opacity: 0.6 } },
    nameTextStyle: { color: ink.muted },
  };
}

export function tooltip(ink: Ink) {
  return {
    trigger: "axis",
    backgroundColor: ink.surface,
    borderColor: ink.line,
    textStyle: { color: ink.text, fontSize: 12 },
    confine: true,
  };
}
