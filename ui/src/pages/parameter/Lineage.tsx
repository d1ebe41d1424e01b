/** Where a parameter's numbers come from, down to the line of the file and the text of the query. */
import { type Lineage, parameterLink } from "../../api/parameters";
import { ago } from "../../parts";

const LEVELS: Record<string, string> = {
  exact: "its own parameter answers",
  contextual: "a less specific context answers",
  general: "the edge as a whole answers",
};

export function LineageFacts({ lineage }: { lineage: Lineage }) {
  const { source, answered_by, fallback_level } = lineage;
  const facts: [string, React.ReactNode][] = [
    ["Definition", <Code key="file" text={`${lineage.file}:${lineage.line}`} />],
    ["Definition hash", <Code key="hash" text={lineage.definition_hash} short />],
    [
      "Git revision",
      lineage.revision ? <Code key="revision" text={lineage.revision} short /> : "not kept by Git",
    ],
    ["Last changed by", lineage.author ?? "–"],
    ["Uncommitted", lineage.revision ? (lineage.dirty ? "yes" : "no") : "–"],
    [
      "Source",
      source
        ? `${source.type} through ${source.connection}, ` +
          (source.age_days === null ? "never read" : `read ${ago(source.age_days)}`)
        : "none: nothing is observed",
    ],
    [
      "Prior",
      lineage.prior_version === null ? "–" : `version ${lineage.prior_version}, ${lineage.prior_origin}`,
    ],
    [
      "Reference",
      fallback_level ? (
        <>
          {fallback_level}: {LEVELS[fallback_level] ?? "a fallback answers"}
          {answered_by && answered_by !== lineage.parameter_id && (
            <>
              {" "}
              (<a href={parameterLink(answered_by)}>{answered_by}</a>)
            </>
          )}
        </>
      ) : (
        "no reference"
      ),
    ],
    [
      "Posterior",
      lineage.inputs_hash ? (
        <>
          {lineage.fit_id
            ? `fit ${lineage.fit_id}`
            : lineage.fitted
              ? "fitted with its siblings"
              : "by formula"}
          , inputs <Code text={lineage.inputs_hash} short />
        </>
      ) : (
        "–"
      ),
    ],
  ];
  return (
    <>
      <dl className="pairs">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {lineage.query && (
        <details data-testid="query">
          <summary>Query {lineage.query_hash && <Code text={lineage.query_hash} short />}</summary>
          <pre>{lineage.query}</pre>
        </details>
      )}
    </>
  );
}

function Code({ text, short = false }: { text: string; short?: boolean }) {
  return <code title={short ? text : undefined}>{short ? text.slice(0, 12) : text}</code>;
}
