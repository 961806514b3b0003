/** Names in one request: with 8 KiB a VM an answer stays below half a megabyte. */
const NAMES_AT_MOST = 50;

/** Of the query in its encoded form; Apache takes requests of 8 KiB. */
const QUERY_AT_MOST = 6000;

/** More than any list has; without it, engines before 3.4 cut lists at 100. */
const LIST_AT_MOST = 10_000;

/**
 * Queries that find VMs of these names, and perhaps others: the search ignores case on some engines and `*` stands for
 * any text, so names have to be compared afterwards.
 *
 * Source: oVirt, "Search the web administration portal"; a value in double quotes may hold blanks.
 *
 * @returns one query a request
 */
export function nameQueries(names: readonly string[]): readonly string[] {
  const queries: string[] = [];
  let terms: string[] = [];
  for (const name of new Set(names)) {
    const term = `name=${quoted(name)}`;
    const isFull = terms.length >= NAMES_AT_MOST || encoded([...terms, term]).length > QUERY_AT_MOST;
    if (isFull && terms.length > 0) {
      queries.push(joined(terms));
      terms = [];
    }
    terms.push(term);
  }
  return terms.length === 0 ? queries : [...queries, joined(terms)];
}

/** A query that finds the VMs on a host of this name, and perhaps others. */
export function hostQuery(name: string): string {
  return `host=${quoted(name)}`;
}

/**
 * The path of a list with its query and limit. Version 3 takes the limit as a matrix parameter only, version 4 as a
 * query parameter.
 *
 * @param path such as `/vms`
 */
export function listPath(
  path: string,
  version: 3 | 4,
  { search, from, max = LIST_AT_MOST }: { search?: string; from?: number; max?: number } = {},
): string {
  const query = search === undefined ? [] : [`search=${encodeURIComponent(search)}`];
  const limits = [...(from === undefined ? [] : [`from=${from}`]), `max=${max}`];
  if (version === 3) return `${path};${limits.join(";")}${query.length === 0 ? "" : `?${query.join("")}`}`;
  return `${path}?${[...query, ...limits].join("&")}`;
}

/** No escape is known for quotes and backslashes within quotes: the sign for any text stands for them. */
function quoted(name: string): string {
  return `"${name.replaceAll(/["\\]/g, "*")}"`;
}

function joined(terms: readonly string[]): string {
  return terms.join(" or ");
}

function encoded(terms: readonly string[]): string {
  return encodeURIComponent(joined(terms));
}
