// Every word with the server: JSON in and out, problem+json as ProblemError, ETags, the API key.
import { useCallback, useEffect, useState } from "react";

const PREFIX = "api/v1"; // relative: the pages may stand below a prefix
const KEY = "evenfall-key";

export const keptKey = () => sessionStorage.getItem(KEY);
export const keepKey = (key: string) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** What the server refused, with its remedy; status 0 when it could not be reached. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy = "",
    readonly field = "",
    readonly value: unknown = undefined,
  ) {
    super(message);
  }
}

export interface Answer<T> {
  data: T;
  etag: string;
}

interface Options {
  body?: unknown;
  etag?: string;
  signal?: AbortSignal;
}

async function send(method: string, path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  const key = keptKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (options.etag) headers["If-Match"] = options.etag;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  let response: Response;
  try {
    response = await fetch(address(path), { method, headers, body, signal: options.signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const remedy = "Is `evenfall serve` still running? Then try again.";
    throw new ProblemError(0, "The server does not answer.", remedy);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  const response = await send(method, path, options);
  const data = response.status === 204 ? undefined : await response.json();
  return { data: data as T, etag: response.headers.get("ETag") ?? "" };
}

/** The body as it comes, for server-sent events: fetch carries the key, EventSource would not. */
export async function stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const { body } = await send("GET", path, { signal });
  if (!body) throw new ProblemError(0, "The server sent no body.");
  return body;
}

/** Save what a path answers as a file: a link would not carry the key. */
export async function download(path: string, name: string): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await send("GET", path, {})).blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const address = (path: string) => `${PREFIX}${path}`;

async function problemOf(response: Response): Promise<ProblemError> {
  try {
    const found = await response.json();
    const message = found.detail || found.title || response.statusText;
    return new ProblemError(response.status, message, found.remedy, found.field, found.value);
  } catch {
    return new ProblemError(
      response.status,
      `The server answered ${response.status} ${response.statusText}.`,
    );
  }
}

export const api = {
  get: <T>(path: string, signal?: AbortSignal) => request<T>("GET", path, { signal }).then((a) => a.data),
  post: <T>(path: string, body: unknown, signal?: AbortSignal) =>
    request<T>("POST", path, { body, signal }).then((a) => a.data),
  put: <T>(path: string, body: unknown, etag?: string) => request<T>("PUT", path, { body, etag }),
  patch: <T>(path: string, body: unknown, etag?: string) => request<T>("PATCH", path, { body, etag }),
  stream,
  del: <T>(path: string, etag?: string) => request<T>("DELETE", path, { etag }).then((a) => a.data),
};

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface Loaded<T> {
  data?: T;
  etag: string;
  error?: ProblemError;
  loading: boolean;
  reload: () => void;
}

/** What a path answers now; null asks nothing. Old data stay while the same path is read again. */
export function useApi<T>(path: string | null): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; etag: string; error?: ProblemError }>({
    path: null,
    etag: "",
  });
  const [turn, setTurn] = useState(0);
  const [loading, setLoading] = useState(path !== null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new turn asks again
  useEffect(() => {
    if (path === null) return setLoading(false);
    const stop = new AbortController();
    setLoading(true);
    request<T>("GET", path, { signal: stop.signal })
      .then((answer) => setState({ path, ...answer }))
      .catch((error) => {
        if (!stop.signal.aborted)
          setState((old) => ({ path, etag: "", error, data: old.path === path ? old.data : undefined }));
      })
      .finally(() => {
        if (!stop.signal.aborted) setLoading(false);
      });
    return () => stop.abort();
  }, [path, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  const fresh = state.path === path;
  return {
    data: fresh ? state.data : undefined,
    etag: fresh ? state.etag : "",
    error: fresh ? state.error : undefined,
    loading: loading || (path !== null && !fresh),
    reload,
  };
}
