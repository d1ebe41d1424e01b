export type Light = "red" | "amber" | "green" | "grey" | "stale";

/** Worst first, with the shape that says it without colour and the word that says it without eyes. */
export const LIGHTS: Record<Light, { shape: string; word: string; group: string }> = {
  red: { shape: "■", word: "red: critical", group: "Critical" },
  amber: { shape: "▲", word: "amber: watch", group: "Amber" },
  stale: { shape: "◌", word: "stale: no recent answer", group: "Stale" },
  grey: { shape: "○", word: "grey: not enough to judge", group: "Grey" },
  green: { shape: "●", word: "green: healthy", group: "Healthy" },
};
