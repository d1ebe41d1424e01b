const UNITS: [number, string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** Seconds in the two units that say something: `90` as `1 min 30 s`, `3.13` as `3.1 s`. */
export function span(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${seconds < 0.1 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
  const at = UNITS.findIndex(([size]) => seconds >= size);
  const [size, unit] = UNITS[at] ?? [1, "s"];
  const [below, small] = UNITS[at + 1] ?? [1, ""];
  const whole = Math.floor(seconds / size);
  const rest = Math.floor((seconds - whole * size) / below);
  return rest && small ? `${whole} ${unit} ${rest} ${small}` : `${whole} ${unit}`;
}
