/** How far a run is, in words and as a bar. */
import type { RunDetail, RunState } from "../../api/runs";

const STATE_WORDS: Record<RunState, string> = {
  queued: "◌ queued",
  running: "◐ running",
  completed: "✓ completed",
  failed: "✕ failed",
  cancelled: "⊘ cancelled",
};

/** The state in words; a night that ended with part of it failed says so. */
export const stateWords = (state: RunState, ended: string | null) =>
  state === "completed" && ended === "partial" ? "◑ completed in part" : STATE_WORDS[state];

/** Outcomes, the most frequent first: `22 not due, 10 updated`. */
export const countsText = (counts: Record<string, number>) =>
  Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([outcome, n]) => `${n} ${outcome.replaceAll("_", " ")}`)
    .join(", ") || "–";

export function Progress({ run }: { run: RunDetail }) {
  return (
    <div className="run-progress" data-testid="progress">
      <progress value={run.progress} max={1} aria-label={`Progress of ${run.run_key}`} />
      <span role="status">
        {STATE_WORDS[run.state]} · {Math.round(run.progress * 100)} %
        {run.total > 0 && ` · ${run.done} of ${run.total}`}
        {run.label && ` · ${run.label}`}
      </span>
    </div>
  );
}
