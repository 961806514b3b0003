import {
  type CfConfiguration,
  CfError,
  type CfResource,
  type CfValue,
  emptyValue,
  fitValue,
  flatten,
  type ResourceType,
} from "./cf-values.ts";
import {
  type FrameworkNumber,
  frameworkDefault,
  isFrameworkAttribute,
  NOT_OVERRIDABLE,
} from "./framework-defaults.ts";

/** An entry point that a timeout attribute belongs to. */
export type EntryPoint =
  | "open"
  | "close"
  | "online"
  | "offline"
  | "monitor"
  | "clean"
  | "attr_changed"
  | "migrate"
  | "action";

const TIMEOUTS = {
  open: "OpenTimeout",
  close: "CloseTimeout",
  online: "OnlineTimeout",
  offline: "OfflineTimeout",
  monitor: "MonitorTimeout",
  clean: "CleanTimeout",
  attr_changed: "AttrChangedTimeout",
  migrate: "MigrateTimeout",
  action: "ActionTimeout",
} as const satisfies Record<EntryPoint, FrameworkNumber>;

/**
 * The attributes of one resource as one system sees them. A value is looked for as a local one of this system, in
 * the resource, in the type, and among the framework's defaults.
 */
export class ResourceSettings {
  readonly name: string;
  readonly group: string;
  readonly type: ResourceType;
  /** False for a group that may be online on several systems at a time. */
  readonly isFailover: boolean;
  /** `ManageFaults = NONE` of the group: no clean, an administrator decides. */
  readonly managesFaults: boolean;
  readonly #system: string;
  readonly #values: Map<string, CfValue>;
  readonly #capsActions: boolean;

  constructor(
    configuration: CfConfiguration,
    resource: CfResource,
    options: { readonly system: string; readonly capsActions: boolean },
  ) {
    const type = configuration.types.get(resource.type);
    const group = configuration.groups.get(resource.group);
    if (type === undefined || group === undefined)
      throw new CfError(`${resource.name}: its type or group is missing`);
    this.name = resource.name;
    this.group = resource.group;
    this.type = type;
    this.isFailover = scalarOf(group.values.get("Parallel")) !== "1";
    this.managesFaults = scalarOf(group.values.get("ManageFaults")) !== "NONE";
    this.#system = options.system;
    this.#capsActions = options.capsActions;
    this.#values = new Map(resource.values);
  }

  /** The value of any attribute, or undefined when there is none of that name. */
  value(attribute: string): CfValue | undefined {
    const overridable = !NOT_OVERRIDABLE.has(attribute);
    const own = this.#values.get(`${attribute}@${this.#system}`) ?? this.#values.get(attribute);
    if (own !== undefined && overridable) return own;
    const ofType = this.type.attributes.get(attribute)?.defaultValue ?? this.type.staticValues.get(attribute);
    if (ofType !== undefined) return ofType;
    return attribute === "Enabled" ? { kind: "scalar", text: "1" } : undefined;
  }

  /** True when this system has its own value. */
  isLocal(attribute: string): boolean {
    return this.#values.has(`${attribute}@${this.#system}`);
  }

  /** Gives this system a value of its own, the one it has now. */
  makeLocal(attribute: string): void {
    const value = this.value(attribute);
    if (value === undefined)
      throw new CfError(`attribute ${attribute} of resource ${this.name} does not exist`);
    this.#values.set(`${attribute}@${this.#system}`, value);
  }

  /**
   * Sets the value from single words, keys and values of an association in turn.
   *
   * @throws {CfError} when there is no such attribute, or the words do not fit it
   */
  set(attribute: string, words: readonly string[]): void {
    const definition = this.type.attributes.get(attribute);
    const known =
      definition !== undefined || this.type.staticValues.has(attribute) || isFrameworkAttribute(attribute);
    if (!known || NOT_OVERRIDABLE.has(attribute)) {
      throw new CfError(`attribute ${attribute} of resource ${this.name} cannot be set`);
    }
    const given = valueFromWords(words, definition?.dimension ?? "scalar", attribute);
    const key = this.isLocal(attribute) ? `${attribute}@${this.#system}` : attribute;
    this.#values.set(key, fitValue(given, definition?.dimension ?? "scalar", attribute));
  }

  /** A number of the framework; a fraction is taken too, so that tests need not last long. */
  number(name: FrameworkNumber): number {
    const text = scalarOf(this.value(name));
    const value = text === "" ? Number.NaN : Number(text);
    return Number.isFinite(value) && value >= 0 ? value : frameworkDefault(name);
  }

  isTrue(name: "IntentionalOffline" | "AEPTimeout"): boolean {
    return this.number(name) !== 0;
  }

  isEnabled(): boolean {
    return scalarOf(this.value("Enabled")) !== "0";
  }

  names(attribute: "SupportedActions" | "RegList" | "ArgList"): readonly string[] {
    const value = this.value(attribute);
    return value === undefined ? [] : flatten(value);
  }

  /**
   * How long an entry point may take, seconds. An action never gets more than half of MonitorInterval.
   * Source: Agent Developer's Guide 7.3, ActionTimeout.
   */
  timeoutS(entryPoint: EntryPoint): number {
    const timeout = this.number(TIMEOUTS[entryPoint]);
    if (entryPoint !== "action" || !this.#capsActions) return timeout;
    return Math.min(timeout, this.number("MonitorInterval") / 2);
  }

  /**
   * ArgListValues: a tuple for each attribute that ArgList names, in its order.
   * Source: Agent Developer's Guide 7.3, name-value tuples.
   */
  argListValues(): string[] {
    return this.names("ArgList").flatMap((attribute) => {
      const dimension = this.type.attributes.get(attribute)?.dimension ?? "scalar";
      const words = flatten(this.value(attribute) ?? emptyValue(dimension));
      return [attribute, String(words.length), ...words];
    });
  }

  /** What must not be written to a log: the password of any association. */
  secrets(): string[] {
    const found: string[] = [];
    for (const attribute of this.type.attributes.keys()) {
      const value = this.value(attribute);
      const password = value?.kind === "association" ? value.entries.get("Password") : undefined;
      if (password !== undefined) found.push(password);
    }
    return found;
  }
}

function valueFromWords(words: readonly string[], dimension: string, attribute: string): CfValue {
  if (dimension === "vector" || dimension === "keylist") return { kind: "list", items: words };
  if (dimension !== "association") {
    if (words.length !== 1) throw new CfError(`${attribute}: one value is wanted`);
    return { kind: "scalar", text: words[0] ?? "" };
  }
  if (words.length % 2 !== 0) throw new CfError(`${attribute}: a key has no value`);
  const entries = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) entries.set(words[at] ?? "", words[at + 1] ?? "");
  return { kind: "association", entries };
}

function scalarOf(value: CfValue | undefined): string {
  return value?.kind === "scalar" ? value.text.trim() : "";
}
