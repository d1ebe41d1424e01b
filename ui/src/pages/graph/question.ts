// The what-if being asked: overrides and ticked context values, and what the server answers.
import { useEffect, useRef, useState } from "react";
import { api, type ProblemError } from "../../api/client";
import type { Dimension, Graph, Override, Question, Scenario, WhatIf } from "../../api/graphs";

export interface Asking {
  overrides: Record<string, Override>;
  /** Ticked values per dimension; a dimension that is not named has all of them. */
  ticked: Record<string, string[]>;
  mix?: Record<string, number> | null;
}

export const NOTHING: Asking = { overrides: {}, ticked: {} };

export const isTicked = (asking: Asking, dimension: string, value: string) =>
  asking.ticked[dimension]?.includes(value) ?? true;

/** The same question with one value ticked or not; a dimension whose values are all ticked is not named. */
export function tick(asking: Asking, { id, values }: Dimension, value: string): Asking {
  const next = values.map((one) => one.id).filter((one) => (one === value) !== isTicked(asking, id, one));
  const { [id]: _, ...others } = asking.ticked;
  const ticked = next.length === values.length ? others : { ...others, [id]: next };
  return { overrides: asking.overrides, ticked }; // another choice has no shares of its own
}

export function override(asking: Asking, edge: string, value: Override | null): Asking {
  const { [edge]: _, ...others } = asking.overrides;
  return { ...asking, overrides: value === null ? others : { ...others, [edge]: value } };
}

export const questionOf = (graph: string, { overrides, ticked, mix }: Asking): Question => ({
  graph,
  overrides,
  select: ticked,
  ...(mix && { mix }),
});

export const askingOf = ({ overrides, select, mix }: Scenario): Asking => ({
  overrides: overrides ?? {},
  ticked: select ?? {},
  mix,
});

export const isChanged = ({ overrides, ticked, mix }: Asking) =>
  Object.keys(overrides).length + Object.keys(ticked).length > 0 || Boolean(mix);

export type Narrowed = Record<string, WhatIf["edges"][number]>;

/** Rates of the edges in the ticked part of the traffic. */
export const narrowed = (answer: WhatIf | undefined): Narrowed =>
  Object.fromEntries(answer?.edges.map((one) => [one.edge, one]) ?? []);

const PAUSE = 25; // milliseconds that gather the steps of a moving slider; the answer is due within 100

/** What the question answers; the last answer stands until the next, and earlier requests are dropped. */
export function useWhatIf(graph: Graph, asking: Asking) {
  const [answered, setAnswered] = useState<{ answer: WhatIf; asking: Asking }>();
  const [error, setError] = useState<ProblemError>();
  const [busy, setBusy] = useState(true);
  const first = useRef(true);
  useEffect(() => {
    const stop = new AbortController();
    setBusy(true);
    const ask = () =>
      api
        .post<WhatIf>("/whatif", questionOf(graph.id, asking), stop.signal)
        .then((found) => {
          setAnswered({ answer: found, asking });
          setError(undefined);
          setBusy(false);
        })
        .catch((problem) => {
          if (stop.signal.aborted) return;
          setError(problem);
          setBusy(false);
        });
    const wait = setTimeout(ask, first.current ? 0 : PAUSE);
    first.current = false;
    return () => {
      clearTimeout(wait);
      stop.abort();
    };
  }, [graph, asking]);
  return { answer: answered?.answer, answeredTo: answered?.asking ?? NOTHING, error, busy };
}
