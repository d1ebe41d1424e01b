import { useEffect, useState } from "react";
import type { GraphEdge, Override as Value } from "../../api/graphs";
import { percent } from "../../parts";

interface Props {
  edge: GraphEdge;
  value: Value | undefined;
  set: (value: Value | null) => void;
}

/** A rate set by hand: a slider and a field, both in percent; arrows move by a tenth. */
export function Override({ edge, value, set }: Props) {
  const now = value === undefined ? edge.mean : typeof value === "number" ? value : value.mean;
  const shown = now === null ? "" : String(Math.round(now * 1000) / 10);
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const number = Number(text.replace(",", "."));
  const wrong = text.trim() !== "" && !(number >= 0 && number <= 100);
  const type = (typed: string) => {
    setText(typed);
    const rate = Number(typed.replace(",", "."));
    if (typed.trim() !== "" && rate >= 0 && rate <= 100) set(rate / 100);
  };
  return (
    <section className="stack-1" aria-label="What if">
      <h3>What if it were …</h3>
      <div className="override">
        <input
          type="range"
          min={0}
          max={100}
          step={0.1}
          value={(now ?? 0) * 100}
          onChange={(event) => set(Number(event.target.value) / 100)}
          aria-label={`Rate of ${edge.slug} in percent`}
          data-testid={`slider-${edge.slug}`}
        />
        <input
          inputMode="decimal"
          value={text}
          onChange={(event) => type(event.target.value)}
          onBlur={() => setText(shown)}
          aria-label={`Rate of ${edge.slug} in percent, as a number`}
          aria-invalid={wrong}
          data-testid={`override-${edge.slug}`}
        />
        <span>%</span>
        <button
          type="button"
          className="button small"
          disabled={value === undefined}
          onClick={() => set(null)}
          data-testid={`override-reset-${edge.slug}`}
        >
          Reset
        </button>
      </div>
      <p className={wrong ? "field-error" : "muted small"}>
        {wrong
          ? "A rate lies between 0 and 100 %."
          : value === undefined
            ? "Move the slider; all other rates stay as they are."
            : `Set by you; the posterior says ${percent(edge.mean)}.`}
      </p>
    </section>
  );
}
