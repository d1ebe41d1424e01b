/** What is known of a parameter at a glance: its figures, each with where it comes from and how old it is. */
import type { ReactNode } from "react";
import type { BandPrior, Parameter } from "../../api/parameters";
import { ago, count, day, Estimate, every, LightMark, rate, sigmas, Words } from "../../parts";

export function Headline({ parameter, prior }: { parameter: Parameter; prior?: BandPrior }) {
  const { type, light, incident, posterior_mean, lower, upper, size } = parameter;
  const facts: [string, ReactNode, string, string?][] = [
    [
      "Posterior",
      <Estimate key="mean" mean={posterior_mean} lower={lower} upper={upper} scale={type} />,
      size ? `n ${count(size)}` : "no evidence: the prior speaks",
    ],
    [
      "Prior",
      `${rate(parameter.prior_mean, type)} ± ${rate(parameter.prior_stdev, type)}`,
      parameter.prior_origin,
      prior && `version ${prior.version} since ${day(prior.since)}`,
    ],
    ["Observed", rate(parameter.observed, type), "of all evidence that counts"],
    [
      "Against the prior",
      parameter.sigma === null ? "–" : `${sigmas(parameter.sigma)} σ`,
      "in the last check's window",
    ],
    ["Evidence read", ago(parameter.age_days), every(parameter.refresh_frequency)],
  ];
  if (parameter.since) facts.push(["Off since", day(parameter.since), `incident ${incident}`]);
  const told = incident == null ? parameter.detail : parameter.remedy;
  return (
    <section className="card" aria-label="At a glance">
      <div className="row">
        <LightMark light={light} label testid="light" />
        <span data-testid="verdict">
          <Words text={told || "computed and checked"} sentence />
        </span>
      </div>
      <dl className="glance">
        {facts.map(([name, value, ...notes]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
            {notes.map(
              (note) =>
                note && (
                  <dd key={note} className="muted small">
                    {note}
                  </dd>
                ),
            )}
          </div>
        ))}
      </dl>
      {parameter.description && <p className="muted">{parameter.description}</p>}
      {parameter.config_error && <p className="problem">{parameter.config_error}</p>}
    </section>
  );
}
