import type { HaresHost, HaresReply } from "./hares-commands.ts";

/** Does what a command line of `hasys` asks for. Source: manual page hasys(1M), and public scripts. */
export function runHasys(argv: readonly string[], { states }: Pick<HaresHost, "states">): HaresReply {
  const [command, ...more] = argv;
  if (command !== "-state" || more.length > 0) return unknownCommand("hasys", argv);
  const running = [...states.members().keys()].map((system) => [system, "RUNNING"] as const);
  const rows = new Map([...running, ...states.systemStates]);
  return table("#System Attribute Value", "SysState", rows);
}

/** Does what a command line of `haclus` asks for. Source: manual page haclus(1M), and public scripts. */
export function runHaclus(argv: readonly string[], { states }: Pick<HaresHost, "states">): HaresReply {
  const [command, attribute = ""] = argv.filter((word) => word !== "-localclus");
  if (command === "-state") return table("#Cluster Attribute Value", "ClusState", states.clusterStates);
  const value = states.clusterValues.get(attribute);
  if (command === "-value" && value !== undefined) return printed(`${value}\n`);
  return unknownCommand("haclus", argv);
}

function table(heading: string, attribute: string, rows: ReadonlyMap<string, string>): HaresReply {
  const lines = [...rows].map(([name, state]) => `${name.padEnd(12)} ${attribute.padEnd(12)} ${state}`);
  return printed([heading, ...lines, ""].join("\n"));
}

function printed(stdout: string): HaresReply {
  return { exitCode: 0, stdout, stderr: "" };
}

function unknownCommand(program: string, argv: readonly string[]): HaresReply {
  const stderr = `VCS ERROR V-16-1-99901 ${program} ${argv.join(" ")}: the stand-in does not know this command\n`;
  return { exitCode: 1, stdout: "", stderr };
}
