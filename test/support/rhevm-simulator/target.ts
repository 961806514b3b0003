import type { ApiVersion, Release } from "./release.ts";

/** What a request's URL asks for within the API. */
export interface Target {
  /** How hrefs begin. */
  readonly root: string;
  /** The root that was found at the path's beginning: where a cookie is good. */
  readonly cookiePath: string;
  /** The version in the path, when there is one. */
  readonly pathVersion: string | undefined;
  /** Names below the root. */
  readonly segments: readonly string[];
  /** Of the path (`;max=5`). */
  readonly matrix: ReadonlyMap<string, string>;
  /** Of the query (`?search=…`). */
  readonly query: ReadonlyMap<string, string>;
}

/** Finds what a URL asks for; undefined when its path is not below one of the release's roots. */
export function targetOf(url: string, release: Release): Target | undefined {
  const [path, query] = cutAt(url, "?");
  const found = Object.entries(release.roots).find(([root]) => isBelow(path, root));
  if (found === undefined) return undefined;
  const [cookiePath, hrefRoot] = found;
  const matrix = new Map<string, string>();
  const segments = path
    .slice(cookiePath.length)
    .split("/")
    .map((segment) => takeMatrix(segment, matrix))
    .filter((segment) => segment !== "");
  const version = release.major > 3 ? /^v(\d+)$/.exec(segments[0] ?? "")?.[1] : undefined;
  return {
    root: version === undefined ? hrefRoot : `${hrefRoot}/v${version}`,
    cookiePath,
    pathVersion: version,
    segments: version === undefined ? segments : segments.slice(1),
    matrix,
    query: new Map(new URLSearchParams(query)),
  };
}

/** What stands before the first of these marks, and after it. */
export function cutAt(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** As it is when its percent signs mean nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isBelow(path: string, root: string): boolean {
  return path.startsWith(root) && /^([/;]|$)/.test(path.slice(root.length));
}

function takeMatrix(segment: string, matrix: Map<string, string>): string {
  const [name = "", ...parameters] = segment.split(";");
  for (const parameter of parameters) {
    const [key, value] = cutAt(parameter, "=");
    matrix.set(decoded(key), decoded(value));
  }
  return decoded(name);
}

/**
 * A parameter: engines before 3.3 take from the query the search only; later ones take `from` too, and version 4 all.
 */
export function parameterOf(
  { matrix, query }: Target,
  name: string,
  { release, version }: { readonly release: Release; readonly version: ApiVersion },
): string | undefined {
  const isTaken = name === "search" || version === 4 || (name === "from" && release.hasQueryParameters);
  return matrix.get(name) ?? (isTaken ? query.get(name) : undefined);
}

/** Whether a parameter or header says yes, in any of the engine's words. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(true|t|yes|y|1)$/i.test(text);
}
