/** The comparison in a sentence, its figures, and both intervals on one scale. */
import { useMemo } from "react";
import type { Comparison, Figure } from "../../api/compare";
import { parameterLink } from "../../api/parameters";
import {
  ago,
  Chart,
  chance,
  count,
  DataTable,
  type Ink,
  interval,
  LightMark,
  percent,
  rate,
  type Scale,
  signed,
  Words,
} from "../../parts";
import { valueAxis } from "../parameter/axes";

export function Result({ answer }: { answer: Comparison }) {
  const drawing = useMemo(() => intervals(answer), [answer]);
  const { p_b_greater: p, type } = answer;
  const better = p >= 0.5 ? "B" : "A";
  const rounded = Math.round(p * 1000) / 1000;
  const surely = Math.max(rounded, 1 - rounded);
  const named = better === "B" ? answer.b : answer.a;
  return (
    <section className="card" data-testid="compare-result">
      <div>
        <p className="muted">P(B &gt; A){answer.target && `, arrivals at ${answer.target}`}</p>
        <p className="headline" data-testid="p-b-greater">
          {chance(p)}
        </p>
        <p>
          {surely < 0.9
            ? `Not decided: ${better} (${named}) is ahead with a probability of ${chance(surely)}.`
            : `${better} (${named}) is greater with a probability of ${chance(surely)}.`}
        </p>
      </div>
      <Chart
        option={drawing}
        height={132}
        testid="chart-compare"
        label={
          `A ${interval(answer.figure_a.mean, answer.figure_a.lower, answer.figure_a.upper, type)}, ` +
          `B ${interval(answer.figure_b.mean, answer.figure_b.lower, answer.figure_b.upper, type)}`
        }
      />
      <DataTable
        label="Figures of the comparison"
        rows={figures(answer)}
        rowKey={(row) => row.name}
        columns={[
          { title: "", cell: (row) => row.name },
          { title: "Mean", number: true, cell: (row) => row.mean },
          { title: "95 % interval", number: true, cell: (row) => row.within },
        ]}
      />
      <p data-testid="expected-loss">
        Expected loss of choosing A: {loss(answer.loss_a, type)}; of choosing B: {loss(answer.loss_b, type)}.{" "}
        <span className="muted">By {answer.method}.</span>
      </p>
      <Provenance answer={answer} />
    </section>
  );
}

const loss = (x: number, type: Scale) =>
  type === "probability" && x < 5e-6 ? "less than 0.001 pp" : signed(x, type).replace(/^[+±]/, "");

const lifted = (x: number) => `${x > 0 ? "+" : ""}${percent(x)}`;

function figures({ a, b, figure_a, figure_b, difference, lift, type }: Comparison) {
  const row = (name: string, of: Figure, words: (x: number) => string) => ({
    name,
    mean: words(of.mean),
    within: `${words(of.lower)} to ${words(of.upper)}`,
  });
  return [
    row(`A: ${a}`, figure_a, (x) => rate(x, type)),
    row(`B: ${b}`, figure_b, (x) => rate(x, type)),
    row("Difference, B − A", difference, (x) => signed(x, type)),
    ...(lift ? [row("Lift, B / A − 1", lift, lifted)] : []),
  ];
}

function Provenance({ answer }: { answer: Comparison }) {
  return (
    <>
      {answer.answers.map((one, side) => (
        <p key={one.reference} className="muted">
          {side === 0 ? "A" : "B"} is answered by{" "}
          <a href={parameterLink(one.parameter_id)}>{one.parameter_id}</a> ({one.level}), n {count(one.n)},{" "}
          {one.origin}, prior {one.prior_origin}, read {ago(one.age_days)}.
        </p>
      ))}
      {answer.notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
      {answer.findings.map((finding) => (
        <p key={finding.message} className="notice">
          <LightMark light={finding.light} /> <Words text={finding.message} />.{" "}
          <Words text={finding.remedy} sentence />
        </p>
      ))}
    </>
  );
}

/** Two means with their intervals as bars from end to end. */
const intervals =
  ({ figure_a, figure_b, type }: Comparison) =>
  (ink: Ink) => {
    const pairs: [string, Figure, string][] = [
      ["A", figure_a, ink.series[1] ?? ""],
      ["B", figure_b, ink.series[0] ?? ""],
    ];
    return {
      grid: { left: 4, right: 16, top: 12, bottom: 4, containLabel: true },
      xAxis: valueAxis(type, ink),
      yAxis: {
        type: "category",
        data: ["A", "B"],
        inverse: true,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: ink.text, fontWeight: 600 },
      },
      series: pairs.flatMap(([name, of, color]) => [
        {
          type: "line",
          data: [
            [of.lower, name],
            [of.upper, name],
          ],
          symbol: "none",
          silent: true,
          lineStyle: { color, width: 10, opacity: 0.35, cap: "round" },
        },
        {
          type: "scatter",
          data: [[of.mean, name]],
          symbol: name === "A" ? "diamond" : "circle",
          symbolSize: 14,
          silent: true,
          itemStyle: { color },
        },
      ]),
    };
  };
