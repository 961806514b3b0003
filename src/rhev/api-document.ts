import { childOf, type XmlElement } from "../xml.ts";
import { expectName, textAt } from "./elements.ts";

/** The versions of the API. Engines up to 3.6 know 3 only, 4.0 to 4.3 both, later ones 4 only. */
export type ApiVersion = 3 | 4;

/** What the root document says of an engine. */
export interface ApiRoot {
  /** In which version this document is written; undefined when it does not show. */
  readonly version: ApiVersion | undefined;
  /** For the log: `oVirt Engine 4.3.11.4-1.el7`. */
  readonly product: string;
  /** Major and minor number, undefined when they are not told. */
  readonly release: { readonly major: number; readonly minor: number } | undefined;
}

/**
 * Reads the root document. Engines up to 3.6 ignore which version was asked for, so the document itself must tell: API 3
 * writes the product's version as attributes, API 4 as elements.
 *
 * @throws {AgentError} PROTOCOL when it is something else
 */
export function apiRootOf(root: XmlElement, source: string): ApiRoot {
  expectName(root, "api", source);
  const product = childOf(root, "product_info");
  const version = product === undefined ? undefined : childOf(product, "version");
  if (product === undefined || version === undefined)
    return { version: undefined, product: "unknown engine", release: undefined };

  const { major, minor } = version.attributes;
  const isThree = major !== undefined;
  const numbers = isThree ? [major, minor] : [textAt(version, "major"), textAt(version, "minor")];
  const full = textAt(product, "full_version") ?? textAt(version, "full_version") ?? numbers.join(".");
  return {
    version: isThree ? 3 : 4,
    product: `${textAt(product, "name") ?? "engine"} ${full}`,
    release: releaseOf(numbers[0], numbers[1]),
  };
}

function releaseOf(major: string | undefined, minor: string | undefined): ApiRoot["release"] {
  if (major === undefined || minor === undefined || !/^\d+$/.test(major) || !/^\d+$/.test(minor))
    return undefined;
  return { major: Number(major), minor: Number(minor) };
}
