import type { EntryPoint, ResourceSettings } from "./resource-settings.ts";

/**
 * How the parts are written that the vendor's documents do not settle for scripts with tuples. A test goes through the choices; the defaults are the likely ones.
 */
export interface TailEncoding {
  /** Arguments of an action: `2 a b`, `a b`, or a tuple `ActionArgs 2 a b`. */
  readonly actionArguments: "counted" | "plain" | "tuple";
  /** The new value for attr_changed: `v1 v2`, or `2 v1 v2`. */
  readonly newValue: "plain" | "counted";
  /** Target of a migration: `VCSInfo 2 TargetHost node2`, or `VCSInfo 1 node2`. */
  readonly targetHost: "association" | "scalar";
  /** Where AEPTimeout stands among the tail. */
  readonly timeout: "last" | "first";
}

/** The forms that the documents make the most likely. */
export const DEFAULT_TAIL: TailEncoding = {
  actionArguments: "counted",
  newValue: "plain",
  targetHost: "association",
  timeout: "last",
};

/** `<resource> <tuples>` and AEPTimeout. Source: Agent Developer's Guide 7.3, AEPTimeout. */
export function resourceArguments(settings: ResourceSettings, entryPoint: EntryPoint): string[] {
  return [settings.name, ...settings.argListValues(), ...timeoutTuple(settings, entryPoint)];
}

/** `<resource> <reason> <tuples>`. Source: Agent Developer's Guide 7.3, AEPTimeout. */
export function cleanArguments(settings: ResourceSettings, reason: number): string[] {
  return [settings.name, String(reason), ...settings.argListValues(), ...timeoutTuple(settings, "clean")];
}

/** `<resource> <tuples>`, then the arguments of the action. */
export function actionArguments(
  settings: ResourceSettings,
  args: readonly string[],
  tail: TailEncoding,
): string[] {
  const own = {
    counted: [String(args.length), ...args],
    plain: args,
    tuple: ["ActionArgs", String(args.length), ...args],
  }[tail.actionArguments];
  return withTail(settings, "action", own, tail);
}

/** `<resource> <tuples>` and VCSInfo with the target system. */
export function migrateArguments(settings: ResourceSettings, target: string, tail: TailEncoding): string[] {
  const own =
    tail.targetHost === "association" ? ["VCSInfo", "2", "TargetHost", target] : ["VCSInfo", "1", target];
  return withTail(settings, "migrate", own, tail);
}

/**
 * `<resource> <changed resource> <attribute> <new value>`, without tuples.
 * Source: Agent Developer's Guide 9.0, attr_changed.
 */
export function attributeChangedArguments(
  settings: ResourceSettings,
  attribute: string,
  words: readonly string[],
  tail: TailEncoding,
): string[] {
  const value = tail.newValue === "counted" ? [String(words.length), ...words] : words;
  return [settings.name, settings.name, attribute, ...value];
}

function withTail(
  settings: ResourceSettings,
  entryPoint: EntryPoint,
  own: readonly string[],
  tail: TailEncoding,
): string[] {
  const timeout = timeoutTuple(settings, entryPoint);
  const rest = tail.timeout === "last" ? [...own, ...timeout] : [...timeout, ...own];
  return [settings.name, ...settings.argListValues(), ...rest];
}

function timeoutTuple(settings: ResourceSettings, entryPoint: EntryPoint): string[] {
  if (!settings.isTrue("AEPTimeout")) return [];
  return ["AEPTimeout", "1", String(Math.ceil(settings.timeoutS(entryPoint)))];
}
