import { AgentError } from "./agent-error.ts";
import { type Attributes, entryPointTimeoutS, parseAttributes } from "./attributes.ts";
import { parseTuples, printable, type Tuples } from "./tuples.ts";

/** The entry points of the type. Source: Agent Developer's Guide, entry points that scripts can implement. */
export type EntryPoint =
  | "open"
  | "close"
  | "online"
  | "offline"
  | "monitor"
  | "clean"
  | "attr_changed"
  | "migrate"
  | "shutdown";

/** What the engine says about one attribute that changed; its value is read back from the engine. */
interface AttributeChange {
  readonly attribute: string;
}

/** One call of an entry point, taken apart but not yet validated as a resource. */
export interface EntryPointRequest {
  readonly entryPoint: EntryPoint;
  /** Empty for shutdown, which concerns all resources. */
  readonly resource: string;
  readonly tuples: Tuples;
  /** Why the engine runs clean; undefined elsewhere. Any number may come: the list of the manual may grow. */
  readonly reason: number | undefined;
  readonly change: AttributeChange | undefined;
  /** The VCS system that migrate takes the guest to; undefined elsewhere, and where the engine named none. */
  readonly targetHost: string | undefined;
  /** The framework's limit for this call, if it passed one. */
  readonly timeoutS: number | undefined;
}

/**
 * Takes the arguments of an entry point apart.
 *
 * Shapes: `RES tuples`, `RES REASON tuples` for clean, `RES CHANGED_RES ATTRIBUTE values` for attr_changed,
 * nothing for shutdown; migrate has one more tuple, VCSInfo. Source: Agent Developer's Guide, script entry point arguments.
 *
 * @throws {AgentError} BAD_ATTRIBUTE when they have no such shape
 */
export function parseRequest(entryPoint: EntryPoint, args: readonly string[]): EntryPointRequest {
  const none = new Map<string, readonly string[]>();
  const nothing = { tuples: none, reason: undefined, change: undefined, targetHost: undefined };
  if (entryPoint === "shutdown")
    return { ...nothing, entryPoint, resource: "", timeoutS: trailingTimeoutS(args) };

  const resource = resourceName(args[0]);
  if (entryPoint === "attr_changed") {
    const attribute = args[2] ?? "";
    if (attribute === "")
      throw new AgentError("BAD_ATTRIBUTE", `resource ${resource}: attr_changed names no attribute`);
    return { ...nothing, entryPoint, resource, change: { attribute }, timeoutS: trailingTimeoutS(args) };
  }
  const reason = entryPoint === "clean" ? cleanReason(args[1]) : undefined;
  const tuples = parseTuples(args.slice(reason === undefined ? 1 : 2));
  const targetHost = entryPoint === "migrate" ? targetHostOf(tuples.get("VCSInfo") ?? []) : undefined;
  return {
    ...nothing,
    entryPoint,
    resource,
    tuples,
    reason,
    targetHost,
    timeoutS: entryPointTimeoutS(tuples),
  };
}

/**
 * The target of a migration: the value of the key TargetHost, or the only value there is. Source: Agent Developer's Guide
 * 7.3, migrate entry point; the encoding of VCSInfo is not documented.
 */
function targetHostOf(values: readonly string[]): string | undefined {
  const at = values.indexOf("TargetHost");
  const host = (values.length === 1 ? values[0] : values[at < 0 ? values.length : at + 1])?.trim() ?? "";
  return host === "" ? undefined : host;
}

/** The attributes of a request that carries all of them. */
export function attributesOf(request: EntryPointRequest): Attributes {
  return parseAttributes(request.resource, request.tuples);
}

/** The name of a resource, fit for a file name and for an argument of `hares`. */
export function resourceName(name: string | undefined): string {
  const clean = name?.trim() ?? "";
  if (clean === "")
    throw new AgentError("BAD_ATTRIBUTE", "the first argument, the resource's name, is missing");
  if (/[/\p{Cc}]/u.test(clean) || Buffer.byteLength(clean) > 200 || /^[-.]/.test(clean)) {
    throw new AgentError("BAD_ATTRIBUTE", `"${printable(clean)}" cannot be the name of a resource`);
  }
  return clean;
}

/** A clean without its reason code is still a clean: the tuples begin one argument earlier then. */
function cleanReason(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Where no tuples are passed, AEPTimeout may still stand at the end. */
function trailingTimeoutS(args: readonly string[]): number | undefined {
  const at = args.lastIndexOf("AEPTimeout");
  return at < 0 ? undefined : entryPointTimeoutS(new Map([["AEPTimeout", args.slice(at + 2, at + 3)]]));
}
