import { CfError, type CfGroup } from "./cf-values.ts";
import type { ClusterMember, ClusterStates } from "./cluster-states.ts";
import type { ResourceSettings } from "./resource-settings.ts";

/** What `hares` prints and exits with. */
export interface HaresReply {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the commands are answered from. */
export interface HaresHost {
  readonly system: string;
  readonly states: ClusterStates;
  readonly isReadOnly: boolean;
  /** All resources of main.cf, those of other systems too. */
  readonly settings: ReadonlyMap<string, ResourceSettings>;
  readonly groups: ReadonlyMap<string, CfGroup>;
}

/** Numbers of messages. Source: public scripts that read them; the one for everything else is the stand-in's own. */
const MESSAGE = {
  noResource: 10260,
  noGroup: 10133,
  noSystem: 10200,
  readOnly: 10369,
  other: 99901,
} as const;

const HEADER = "#Resource Attribute System Value";

/** Does what a command line of `hares` asks for. Source: manual page hares(1M) 7.3, and public scripts. */
export async function runHares(argv: readonly string[], host: HaresHost): Promise<HaresReply> {
  const [command = "", ...rest] = argv;
  switch (command) {
    case "-probe":
      return probe(rest, host);
    case "-value":
      return value(rest, host);
    case "-state":
      return state(rest, host);
    case "-action":
      return action(rest, host);
    case "-modify":
      return modify(rest, host);
    case "-display":
      return display(rest, host);
    case "-list":
      return list(rest, host);
    case "-local":
      return local(rest, host);
    default:
      return failed(MESSAGE.other, `hares ${command}: the stand-in does not know this command`);
  }
}

/** Does what a command line of `hagrp` asks for. Source: manual page hagrp(1M), and public scripts. */
export async function runHagrp(argv: readonly string[], host: HaresHost): Promise<HaresReply> {
  const [command = "", ...rest] = argv;
  const { words, options } = optionsOf(rest, ["-sys", "-checkpartial"]);
  const [name = "", attribute = ""] = words.filter((word) => word !== "-nopre");
  const group = host.groups.get(name);
  const system = options.get("-sys")?.[0];
  if (command === "-value" && attribute === "SystemList") {
    if (group === undefined) return noGroup(name);
    return printed(`${group.systems.map((one, priority) => `${one} ${priority}`).join(" ")}\n`);
  }
  // with its trigger, which only a whole engine runs, it is not known here
  if (command !== "-online" || !rest.includes("-nopre") || system === undefined)
    return failed(MESSAGE.other, `hagrp ${argv.join(" ")}: the stand-in does not know this command`);
  if (group === undefined) return noGroup(name);
  const member = host.states.member(system);
  if (member === undefined) return noSystem(system);
  for (const one of host.settings.values()) if (one.group === name) member.requestOnline(one.name);
  return printed("");
}

function probe(args: readonly string[], host: HaresHost): HaresReply {
  const { words, options } = optionsOf(args, ["-sys"]);
  const [resource = ""] = words;
  const system = options.get("-sys")?.[0];
  if (!host.settings.has(resource)) return noResource(resource);
  if (system === undefined) return failed(MESSAGE.other, "hares -probe wants -sys");
  const member = host.states.member(system);
  if (member === undefined) return noSystem(system);
  member.requestProbe(resource);
  return printed("");
}

function value(args: readonly string[], host: HaresHost): HaresReply {
  const { words } = optionsOf(args, []);
  const [resource = "", attribute = "", system = host.system] = words;
  const settings = host.settings.get(resource);
  if (settings === undefined) return noResource(resource);
  if (attribute === "LastOnline") return printed(`${host.states.lastOnline(resource)}\n`);
  if (attribute === "State") return printed(`${host.states.get(system, resource) ?? ""}\n`);
  if (attribute === "Group") return printed(`${settings.group}\n`);
  if (attribute === "Type") return printed(`${settings.type.name}\n`);
  // a system without a stand-in has nothing but what all have
  const found = (host.states.member(system) ?? host.states.member(host.system))?.value(resource, attribute);
  if (found === undefined) return failed(MESSAGE.other, `Attribute ${attribute} does not exist`);
  return printed(`${found.join(" ")}\n`);
}

function state(args: readonly string[], host: HaresHost): HaresReply {
  const { words, options } = optionsOf(args, ["-sys"]);
  const system = options.get("-sys")?.[0];
  const unknown = words.find((name) => !host.settings.has(name));
  if (unknown !== undefined) return noResource(unknown);
  const names = words.length > 0 ? words : [...host.settings.keys()];
  const rows = names.flatMap((name) =>
    host.states
      .of(name)
      .filter(([where]) => system === undefined || where === system)
      .map(([where, what]) => row(name, "State", where, what)),
  );
  if (system !== undefined && rows.length === 0) return noSystem(system);
  return printed([HEADER, ...rows, ""].join("\n"));
}

async function action(args: readonly string[], host: HaresHost): Promise<HaresReply> {
  const { words, options } = optionsOf(args, ["-sys", "-actionargs"]);
  const [resource = "", token = ""] = words;
  const settings = host.settings.get(resource);
  if (settings === undefined) return noResource(resource);
  if (!settings.names("SupportedActions").includes(token)) {
    return failed(MESSAGE.other, `Action ${token} is not supported by type ${settings.type.name}`);
  }
  const system = options.get("-sys")?.[0] ?? "";
  const member = host.states.member(system);
  if (member === undefined) return noSystem(system);
  const { exitCode, output } = await member.action(resource, token, options.get("-actionargs") ?? []);
  return { exitCode, stdout: output, stderr: "" };
}

function modify(args: readonly string[], host: HaresHost): HaresReply {
  const { words, options } = optionsOf(args, ["-sys"]);
  const [resource = "", attribute = "", ...given] = words;
  const settings = host.settings.get(resource);
  if (settings === undefined) return noResource(resource);
  if (host.isReadOnly) return failed(MESSAGE.readOnly, "The configuration is not writable");
  try {
    const changed = changedWords(settings, attribute, given.map(unescaped));
    const system = options.get("-sys")?.[0];
    const member = system === undefined ? undefined : host.states.member(system);
    if (system !== undefined && member === undefined) return noSystem(system);
    if (member?.isLocal(resource, attribute) === false)
      return failed(MESSAGE.other, `Attribute ${attribute} is global; -sys is not allowed`);
    for (const [where, member] of host.states.members()) {
      if (system === undefined || system === where) member.modify(resource, attribute, changed);
    }
    return printed("");
  } catch (error) {
    if (error instanceof CfError) return failed(MESSAGE.other, error.message);
    throw error;
  }
}

function local(args: readonly string[], host: HaresHost): HaresReply {
  const [resource = "", attribute = ""] = args;
  if (!host.settings.has(resource)) return noResource(resource);
  if (host.isReadOnly) return failed(MESSAGE.readOnly, "The configuration is not writable");
  try {
    for (const [, member] of host.states.members()) member.makeLocal(resource, attribute);
    return printed("");
  } catch (error) {
    if (error instanceof CfError) return failed(MESSAGE.other, error.message);
    throw error;
  }
}

/** The words of the whole new value, after -add, -update or -delete of some. */
function changedWords(
  settings: ResourceSettings,
  attribute: string,
  given: readonly string[],
): readonly string[] {
  const [how = "", ...items] = given;
  if (how !== "-add" && how !== "-update" && how !== "-delete") return given;
  const old = settings.value(attribute);
  if (old === undefined || old.kind === "scalar")
    throw new CfError(`${attribute}: ${how} wants a list or an association`);
  if (old.kind === "list") {
    return how === "-delete" ? old.items.filter((item) => !items.includes(item)) : [...old.items, ...items];
  }
  const entries = new Map(old.entries);
  if (how === "-delete") for (const key of items) entries.delete(key);
  else for (let at = 0; at + 1 < items.length; at += 2) entries.set(items[at] ?? "", items[at + 1] ?? "");
  return [...entries].flat();
}

/** A leading `-` or `%` of a value is escaped by `%`. Source: manual page hares(1M). */
function unescaped(word: string): string {
  return word.startsWith("%") ? word.slice(1) : word;
}

function display(args: readonly string[], host: HaresHost): HaresReply {
  const { words, options } = optionsOf(args, ["-attribute"]);
  const wanted = options.get("-attribute");
  const unknown = words.find((name) => !host.settings.has(name));
  if (unknown !== undefined) return noResource(unknown);
  const names = words.length > 0 ? words : [...host.settings.keys()];
  const rows = names.flatMap((name) => {
    const settings = host.settings.get(name);
    return settings === undefined ? [] : displayRows(settings, host);
  });
  const shown = rows.filter((text) => wanted === undefined || wanted.includes(text.split(" ")[1] ?? ""));
  return printed([HEADER, ...shown, ""].join("\n"));
}

function displayRows(settings: ResourceSettings, host: HaresHost): string[] {
  const { name, group, type } = settings;
  const attributes = [...type.attributes.keys(), ...type.staticValues.keys()].flatMap((attribute) => {
    const textOf = (member: ClusterMember | undefined) => member?.value(name, attribute)?.join(" ") ?? "";
    if (!settings.isLocal(attribute))
      return [row(name, attribute, "global", textOf(host.states.member(host.system)))];
    return [...host.states.members()].map(([system, member]) => row(name, attribute, system, textOf(member)));
  });
  const states = host.states.of(name).map(([system, what]) => row(name, "State", system, what));
  const enabled = row(name, "Enabled", "global", settings.isEnabled() ? "1" : "0");
  return [
    row(name, "Group", "global", group),
    row(name, "Type", "global", type.name),
    enabled,
    ...states,
    ...attributes,
  ];
}

/** The conditionals `Type=NAME` and `Group=NAME` are the only ones the stand-in knows; all have to hold. */
function list(args: readonly string[], host: HaresHost): HaresReply {
  const conditions = optionsOf(args, []).words.map((text) => ({
    text,
    parts: /^(Type|Group)=(\w+)$/.exec(text),
  }));
  const strange = conditions.find(({ parts }) => parts === null);
  if (strange !== undefined)
    return failed(MESSAGE.other, `hares -list ${strange.text}: the stand-in does not know this`);
  const names = [...host.settings.values()].filter((one) =>
    conditions.every(({ parts }) => (parts?.[1] === "Type" ? one.type.name : one.group) === parts?.[2]),
  );
  const rows = names.flatMap(({ name }) => host.states.of(name).map(([system]) => `${name} ${system}`));
  return printed([...rows, ""].join("\n"));
}

function row(resource: string, attribute: string, system: string, text: string): string {
  return `${resource} ${attribute} ${system} ${text}`;
}

/** Splits `word word -option value -clus C -localclus`; -actionargs takes all words up to the next known option. */
function optionsOf(
  args: readonly string[],
  known: readonly string[],
): { words: string[]; options: Map<string, string[]> } {
  const words: string[] = [];
  const options = new Map<string, string[]>();
  let into = words;
  let room = Number.POSITIVE_INFINITY;
  for (const arg of args) {
    if (arg === "-localclus") continue;
    if (known.includes(arg) || arg === "-clus") {
      into = [];
      room = arg === "-actionargs" ? Number.POSITIVE_INFINITY : 1;
      options.set(arg, into);
      continue;
    }
    if (into.length >= room) into = words;
    into.push(arg);
  }
  return { words, options };
}

function printed(stdout: string): HaresReply {
  return { exitCode: 0, stdout, stderr: "" };
}

function failed(id: number, text: string): HaresReply {
  return { exitCode: 1, stdout: "", stderr: `VCS ERROR V-16-1-${id} ${text}\n` };
}

function noResource(name: string): HaresReply {
  return failed(MESSAGE.noResource, `Resource ${name} does not exist`);
}

function noGroup(name: string): HaresReply {
  return failed(MESSAGE.noGroup, `Group ${name} does not exist`);
}

function noSystem(name: string): HaresReply {
  return failed(MESSAGE.noSystem, `System ${name} is not available`);
}
