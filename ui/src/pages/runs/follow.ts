/** A run as it goes on: server-sent events, read with fetch so that the key can travel with the question. */
import { useEffect, useState } from "react";
import { stream } from "../../api/client";
import { isOver, type RunDetail, runPath } from "../../api/runs";

/** Call `told` with every state of a run until it is over; resolves then, or when `signal` ends it. */
export async function follow(
  key: string,
  told: (run: RunDetail) => void,
  signal: AbortSignal,
): Promise<void> {
  const reader = (await stream(`${runPath(key)}/events`, signal)).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data: "));
      if (data.length) told(JSON.parse(data.map((line) => line.slice(6)).join("\n")));
    }
  }
}

/** The state of a run, kept up to date while it lasts; `ended` is called once when it is over. */
export function useRun(key: string | null, ended: (run: RunDetail) => void): RunDetail | null {
  const [run, setRun] = useState<RunDetail | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new callback must not open a new stream
  useEffect(() => {
    setRun(null);
    if (!key) return;
    const stop = new AbortController();
    let last: RunDetail | null = null;
    const told = (now: RunDetail) => {
      last = now;
      setRun(now);
      if (isOver(now.state)) ended(now);
    };
    const attempt = async (left: number): Promise<void> => {
      await follow(key, told, stop.signal).catch(() => undefined);
      if (stop.signal.aborted || !left || (last && isOver(last.state))) return;
      await new Promise((wait) => setTimeout(wait, 2000));
      return attempt(left - 1);
    };
    void attempt(30);
    return () => stop.abort();
  }, [key]);
  return run;
}
