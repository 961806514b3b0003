/** What havmconfigsync is asked for. */
export type SyncCommand =
  | {
      readonly kind: "sync";
      /** Undefined: every resource of the type. */
      readonly resources: readonly string[] | undefined;
      /** The system whose configuration counts; undefined: the one where the resource is ONLINE. */
      readonly system: string | undefined;
      readonly dryRun: boolean;
      readonly config: string | undefined;
    }
  | { readonly kind: "help" | "version" }
  | { readonly kind: "wrong"; readonly problem: string };

export const HELP = `havmconfigsync - gives all systems of the cluster a guest's present configuration

Usage: havmconfigsync [-n] [-sys SYSTEM] [--config FILE] RESOURCE...
       havmconfigsync [-n] [-sys SYSTEM] [--config FILE] --all

For each resource of the type KVMGuest: the system where it is ONLINE saves the guest's configuration to SyncDir, and
every other system takes it over when it next brings the guest online (ResyncVMCfg). No guest is touched.

  -n, --dry-run   change nothing, print the commands
  -sys SYSTEM     the system whose configuration counts, for a resource that is ONLINE nowhere
  --all           every resource of the type that has SyncDir
  --config FILE   the daemon's configuration, which names the engine's command hares
  -h, --help, --version

Environment: VCSKVMGUESTD_CONFIG stands for --config; the option wins.

The cluster's configuration must be writable: haconf -makerw before, haconf -dump -makero after.

Exit codes: 0 all done, 1 something failed (the output says what), 2 wrong usage or configuration,
3 the engine does not answer.
`;

/** Reads the command line; `-sys` is written as in the engine's own commands. */
export function parseSyncCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SyncCommand {
  const asked = { all: false, dryRun: false, resources: [] as string[] };
  const values = new Map<string, string>();
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? "";
    if (word === "-h" || word === "--help") return { kind: "help" };
    if (word === "--version") return { kind: "version" };
    if (word === "-n" || word === "--dry-run") asked.dryRun = true;
    else if (word === "--all") asked.all = true;
    else if (word === "-sys" || word === "--config") {
      const value = argv[(at += 1)];
      if (value === undefined || value === "") return wrong(`${word} wants a value`);
      values.set(word, value);
    } else if (word === "") return wrong("a resource's name is empty");
    else if (word.startsWith("-")) return wrong(`"${word}" is no option`);
    else asked.resources.push(word);
  }
  if (asked.all === asked.resources.length > 0) return wrong("name resources, or say --all");
  return {
    kind: "sync",
    resources: asked.all ? undefined : [...new Set(asked.resources)],
    system: values.get("-sys"),
    dryRun: asked.dryRun,
    config: values.get("--config") ?? env["VCSKVMGUESTD_CONFIG"],
  };
}

function wrong(problem: string): SyncCommand {
  return { kind: "wrong", problem };
}
