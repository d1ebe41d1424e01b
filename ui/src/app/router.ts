// The address behind the hash: `#/<page>/<id>?<query>`. Ids are one encoded segment.
import { useSyncExternalStore } from "react";

export interface Route {
  page: string;
  id: string;
  query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [page = "", id = ""] = path.split("/", 2);
  return { page: page || "graph", id: decode(id), query: new URLSearchParams(query) };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // a hand-typed % that escapes nothing
  }
}

/** `href("parameter", "signup[channel=google]")` as an address for a link. */
export function href(page: string, id = "", query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString();
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${search ? `?${search}` : ""}`;
}

export function navigate(to: string): void {
  window.location.hash = to;
}

const subscribe = (changed: () => void) => {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
};

export function useRoute(): Route {
  return parseHash(useSyncExternalStore(subscribe, () => window.location.hash));
}
