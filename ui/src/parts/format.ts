// Numbers and dates as people read them. A figure nobody knows is a dash.
export type Scale = "probability" | "rate" | "mean" | "duration";
type Maybe = number | null | undefined;

const DASH = "–";
const NO_BREAK = "\u00a0";
const known = (x: Maybe): x is number => typeof x === "number" && Number.isFinite(x);

/** `0.4331` as `43.3 %`; small ones get the digits that say something. */
export function percent(x: Maybe, digits?: number): string {
  return known(x) ? `${bare(x * 100, digits ?? digitsOf(x * 100))} %` : DASH;
}

/** A value in the words of its scale, without interval; units other than shares are the definition's own. */
export function rate(x: Maybe, scale: Scale = "probability"): string {
  return scale === "probability" ? percent(x) : significant(x);
}

/** `43.3 % [42.3, 44.3]`, the interval with as many decimals as its width needs. */
export function interval(mean: Maybe, lower: Maybe, upper: Maybe, scale: Scale = "probability"): string {
  if (!known(mean)) return DASH;
  if (!known(lower) || !known(upper)) return rate(mean, scale);
  if (scale !== "probability") {
    const digits = Math.max(0, 3 - wholeDigits(mean)); // those of the mean, in all three
    const said = (x: number) => (Math.abs(mean) < 0.1 ? significant(x) : bare(x, digits));
    return `${said(mean)} [${said(lower)}, ${said(upper)}]`;
  }
  const digits = Math.max(digitsOf(mean * 100), upper - lower > 0 && upper - lower < 0.002 ? 2 : 1);
  return `${percent(mean, digits)} [${bare(lower * 100, digits)}, ${bare(upper * 100, digits)}]`;
}

/** `+3.9 pp` for a difference of probabilities, `+3.9` for others. */
export function signed(x: Maybe, scale: Scale = "probability"): string {
  if (!known(x)) return DASH;
  const sign = x > 0 ? "+" : x < 0 ? "−" : "±";
  const size = Math.abs(x);
  return scale === "probability"
    ? `${sign}${bare(size * 100, digitsOf(size * 100))} pp`
    : sign + significant(size);
}

export function count(x: Maybe): string {
  return known(x) ? written(x, { maximumFractionDigits: 1 }) : DASH;
}

export function significant(x: Maybe, digits = 3): string {
  if (!known(x)) return DASH;
  if (x !== 0 && (Math.abs(x) >= 1e7 || Math.abs(x) < 1e-4))
    return x.toExponential(digits - 1).replaceAll("-", "−");
  return written(x, { maximumSignificantDigits: Math.max(digits, wholeDigits(x)) });
}

/** Standard deviations to one decimal: `−6.4`. */
export function sigmas(x: Maybe): string {
  return known(x) ? bare(x, 1) : DASH;
}

/** `1 failure`, `2 failures`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `P` as a person would say it: never a certainty that draws cannot give. */
export function chance(p: Maybe): string {
  if (!known(p)) return DASH;
  return p > 0.999 ? "> 99.9 %" : p < 0.001 ? "< 0.1 %" : percent(p, 1);
}

/** `2026-09-08` as `8 Sep 2026`. */
export function day(iso: string | null | undefined): string {
  if (!iso) return DASH;
  const date = new Date(iso.length === 10 ? `${iso}T00:00:00Z` : iso);
  return [date.getUTCDate(), MONTHS[date.getUTCMonth()], date.getUTCFullYear()].join(NO_BREAK);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `2026-09-08T06:00:00Z` as `8 Sep 2026, 06:00` (UTC). */
export function moment(iso: string | null | undefined): string {
  if (!iso) return DASH;
  const time = new Date(iso).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    timeZone: "UTC",
  });
  return `${day(iso)}, ${time}`;
}

/** A time in whole days: `1 day`, `14 days`. */
export function lasting(days: Maybe): string {
  if (!known(days)) return DASH;
  return plural(Math.round(days), "day");
}

/** `1d` as `every day`, `6h` as `every 6 hours`. */
export function every(frequency: string): string {
  const [, n, unit] = /^(\d+)([hdw])$/.exec(frequency) ?? [];
  const word = { h: "hour", d: "day", w: "week" }[unit ?? ""];
  return word ? `every ${n === "1" ? word : `${n} ${word}s`}` : `every ${frequency}`;
}

/** An age in days as `today`, `3 days ago`, or hours below one day. */
export function ago(days: Maybe): string {
  if (!known(days)) return DASH;
  if (days < 1 / 24) return "just now";
  if (days < 1) return `${Math.round(days * 24)} h ago`;
  return `${lasting(days)} ago`;
}

const digitsOf = (x: number) => (x === 0 || Math.abs(x) >= 1 ? 1 : Math.abs(x) >= 0.1 ? 2 : 3);
const wholeDigits = (x: number) => Math.max(1, Math.floor(Math.log10(Math.abs(x) || 1)) + 1);
const bare = (x: number, digits: number) =>
  written(x, { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Thousands apart, and the minus of print; a zero has no sign. */
const written = (x: number, options: Intl.NumberFormatOptions) =>
  x.toLocaleString("en-GB", { ...options, signDisplay: "negative" }).replace("-", "−");
