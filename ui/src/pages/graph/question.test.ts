import { expect, test } from "vitest";
import type { Dimension } from "../../api/graphs";
import { isTicked, NOTHING, tick } from "./question";

const value = (id: string) => ({ id, label: id, share: null });
const channel: Dimension = { id: "channel", name: "Channel", values: ["a", "b", "c"].map(value) };

test("values are ticked until one is taken away, and a dimension that has all again is not named", () => {
  const without = tick(NOTHING, channel, "b");
  expect(without.ticked).toEqual({ channel: ["a", "c"] });
  expect(isTicked(without, "channel", "b")).toBe(false);
  expect(tick(without, channel, "b").ticked).toEqual({});
});
