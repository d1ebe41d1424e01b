/** What is known of a parameter at a glance: its figures, each with where it comes from and how old it is. */
import type { Parameter } from "../../api/parameters";
import { ago, count, day, Estimate, LightMark, rate, significant } from "../../parts";

export function Headline({ parameter }: { parameter: Parameter }) {
  const format = (x: number) => rate(x, parameter.type);
  const { prior_mean, prior_stdev, posterior_mean, lower, upper, size, observed, sigma } = parameter;
  return (
    <section className="card" aria-label="At a glance">
      <div className="row verdict">
        <LightMark light={parameter.light} label testid="light" />
        <span data-testid="verdict">{parameter.detail || "computed and checked; nothing differs"}</span>
      </div>
      <dl className="glance">
        <Fact name="Posterior" note={size ? `n ${count(size)}` : "no evidence: the prior speaks"}>
          {posterior_mean === null ? (
            "–"
          ) : (
            <Estimate mean={posterior_mean} lower={lower} upper={upper} scale={parameter.type} />
          )}
        </Fact>
        <Fact name="Prior" note={parameter.prior_origin}>
          {prior_mean === null
            ? "–"
            : `${format(prior_mean)} ± ${prior_stdev === null ? "–" : format(prior_stdev)}`}
        </Fact>
        <Fact name="Observed" note="of all evidence that counts">
          {observed === null ? "–" : format(observed)}
        </Fact>
        <Fact name="Against the prior" note="of the last check's window">
          {sigma === null ? "–" : `${significant(sigma, 2)} σ`}
        </Fact>
        <Fact name="Evidence read" note={`every ${parameter.refresh_frequency}`}>
          {parameter.age_days === null ? "never" : ago(parameter.age_days)}
        </Fact>
        {parameter.since && (
          <Fact name="Off since" note={`incident ${parameter.incident}`}>
            {day(parameter.since)}
          </Fact>
        )}
      </dl>
      {parameter.description && <p className="muted">{parameter.description}</p>}
      {parameter.config_error && <p className="problem">{parameter.config_error}</p>}
    </section>
  );
}

function Fact({ name, note, children }: { name: string; note: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
      <dd className="muted small">{note}</dd>
    </div>
  );
}
