import { expect, test } from "vitest";
import { count, interval, lasting, percent, plural, sigmas, signed, significant } from "./format";

test("a loss has the minus of print, whichever way it is written", () => {
  expect(percent(-0.123)).toBe("−12.3 %");
  expect(signed(-0.0012)).toBe("−0.12 pp");
  expect(interval(-0.1, -0.2, -0.05)).toBe("−10.0 % [−20.0, −5.0]");
  expect([count(-1234.5), significant(-0.0321), significant(-1e-9), sigmas(-6.42)]).toEqual([
    "−1,234.5",
    "−0.0321",
    "−1.00e−9",
    "−6.4",
  ]);
});

test("what rounds to nothing has no sign, and what nobody knows is a dash", () => {
  expect([percent(-0.00001, 1), sigmas(-0.01)]).toEqual(["0.0 %", "0.0"]);
  expect([percent(null), sigmas(undefined), count(Number.NaN), lasting(null)]).toEqual(["–", "–", "–", "–"]);
});

test("one is not many", () => {
  expect([lasting(1), lasting(14), plural(1, "failure"), plural(0, "failure")]).toEqual([
    "1 day",
    "14 days",
    "1 failure",
    "0 failures",
  ]);
});
