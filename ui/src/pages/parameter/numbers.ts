/** The numbers of a belief as people type them. */
import type { Numbers, Parameter, Quantity } from "../../api/parameters";

const TITLES: Record<string, string> = {
  mean: "Mean",
  stdev: "Standard deviation",
  alpha: "α",
  beta: "β",
  mu: "μ",
  sigma: "σ",
  shape: "Shape",
  rate: "Rate",
  noise_sigma: "Scatter of one observation",
  noise_shape: "Shape of the scatter",
  noise_scale: "Scale of the scatter",
};

export const titleOf = (name: string) => TITLES[name] ?? name;

/** The fields of a form: mean and stdev with the scatter, or the family's own numbers. */
export function fieldsOf(parameter: Parameter, what: "prior" | "value", native: boolean): string[] {
  if (what === "value") return ["mean", "stdev"];
  const own = Object.keys(parameter.prior);
  return native ? own : ["mean", "stdev", ...own.filter((name) => name.startsWith("noise_"))];
}

/** What the fields begin with: `typed`, else what the file says, else the prior in force. */
export function startOf(
  parameter: Parameter,
  what: "prior" | "value",
  native: boolean,
  typed?: Numbers | null,
): Record<string, string> {
  const inForce = { mean: parameter.prior_mean, stdev: parameter.prior_stdev, ...parameter.prior };
  const known: Record<string, unknown> = { ...inForce, ...parameter.editable[what], ...typed };
  const fields = fieldsOf(parameter, what, native);
  return Object.fromEntries(fields.map((name) => [name, text(known[name])]));
}

const text = (value: unknown) => (typeof value === "number" ? String(Number(value.toPrecision(6))) : "");

/** The numbers of the fields; null while one is missing or no number. */
export function numbersOf(texts: Record<string, string>): Numbers | null {
  const pairs = Object.entries(texts).map(([name, typed]) => [name, number(typed)] as const);
  return pairs.some(([, value]) => Number.isNaN(value)) ? null : Object.fromEntries(pairs);
}

function number(typed: string): number {
  const plain = typed.trim().replace(",", ".");
  if (plain === "") return Number.NaN;
  return plain.endsWith("%") ? Number(plain.slice(0, -1)) / 100 : Number(plain);
}

/** How many observations a belief is worth, and of what. */
export function effectiveSize(type: Quantity, numbers: Numbers): [string | null, string] {
  const { alpha, beta, rate, sigma, noise_sigma } = numbers;
  const worth =
    type === "probability" && alpha !== undefined && beta !== undefined
      ? alpha + beta
      : type === "rate" && rate !== undefined
        ? rate
        : sigma && noise_sigma
          ? (noise_sigma / sigma) ** 2
          : null;
  const unit = {
    probability: "trials",
    rate: "units of exposure",
    mean: "observations",
    duration: "durations",
  };
  return [worth === null ? null : worth.toPrecision(3), unit[type]];
}
