import type { ReactNode } from "react";
import type { ProblemError } from "../../api/client";
import type { Figure, GraphNode, Outcome, WhatIf } from "../../api/graphs";
import { chance, Loading, Problem, percent, plural, signed, Words } from "../../parts";

interface Props {
  nodes: GraphNode[];
  answer?: WhatIf;
  /** The answer when nothing is asked, to look at beside a part of the traffic. */
  all?: WhatIf;
  error?: ProblemError;
  busy: boolean;
  /** Whether rates or shares were set, so that before and after differ. */
  set: boolean;
  /** Keep the room of what a change adds, so that the graph does not jump below the slider. */
  tall: boolean;
  scope: string;
  tools: ReactNode;
}

/** What arrives at each outcome per entry, before and after, and how sure the difference is. */
export function Results({ nodes, answer, all, error, busy, set, tall, scope, tools }: Props) {
  const names = new Map(nodes.map((node) => [node.slug, node.name || node.slug]));
  const usual = new Map((all?.mixed ?? []).map((outcome) => [outcome.target, outcome.before]));
  return (
    <section
      className={`results ${tall ? "tall" : ""}`}
      aria-label="Arrivals at the outcomes"
      aria-busy={busy}
      data-testid="results"
    >
      <div className="results-head">
        <h2>Arrivals per entry</h2>
        <span className="muted small scope" data-testid="scope">
          {scope}
        </span>
        {answer && answer.findings.length > 0 && <Findings findings={answer.findings} />}
        <span className="grow" />
        {tools}
      </div>
      {error && <Problem error={error} />}
      {answer ? (
        <ul className="outcomes">
          {answer.mixed.map((outcome) => (
            <Result
              key={outcome.target}
              outcome={outcome}
              name={names.get(outcome.target) ?? outcome.target}
              set={set}
              usual={usual.get(outcome.target)}
            />
          ))}
        </ul>
      ) : (
        !error && <Loading label="Asking what arrives" />
      )}
    </section>
  );
}

function Findings({ findings }: { findings: WhatIf["findings"] }) {
  return (
    <details className="small finding" data-testid="findings">
      <summary>▲ {plural(findings.length, "remark")}</summary>
      <ul>
        {findings.map(({ subject, message, remedy }) => (
          <li key={subject + message}>
            <strong>{subject}</strong>: {message}.{" "}
            <span className="muted">
              <Words text={remedy} sentence />
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface ResultProps {
  outcome: Outcome;
  name: string;
  set: boolean;
  usual?: Figure;
}

function Result({ outcome, name, set, usual }: ResultProps) {
  const { before, after, difference, p_greater, p_less } = outcome;
  const same = p_greater === 0 && p_less === 0;
  const way = same ? "" : p_greater >= p_less ? "up" : "down";
  const beside = set ? before : usual;
  return (
    <li className={`result ${way}`} data-testid={`result-${outcome.target}`}>
      <span className="small result-name" title={name}>
        {name}
      </span>
      <span className="result-mean">{percent(after.mean, digitsOf(after))}</span>
      <span className="small">{around(after)}</span>
      <span className="small muted result-line">
        {beside && `${set ? "before" : "all"} ${percent(beside.mean, digitsOf(beside))} ${around(beside)}`}
      </span>
      {set && (
        <span className="small muted result-line">
          {same ? (
            "unchanged"
          ) : (
            <>
              <strong className="result-change">
                {way === "up" ? "▲" : "▼"} {signed(difference.mean)}
              </strong>{" "}
              {around(difference)}
              <br />
              <span title="Probability that more arrive than before" data-testid={`better-${outcome.target}`}>
                P(better) {chance(p_greater)}
              </span>
            </>
          )}
        </span>
      )}
    </li>
  );
}

/** Two digits of the half width are told: an interval of one point is known to the hundredth. */
const digitsOf = ({ lower, upper }: Figure) => (upper - lower < 0.02 ? 2 : 1);

const around = (figure: Figure) => {
  const bare = (x: number) => percent(x, digitsOf(figure)).replace(" %", "");
  return `[${bare(figure.lower)}, ${bare(figure.upper)}]`;
};
