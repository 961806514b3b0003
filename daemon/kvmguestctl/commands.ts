import { runCheck } from "../readiness/check-command.ts";
import type { Command } from "./command.ts";
import { runCompletion } from "./completion.ts";
import { runEntryPointByHand } from "./entry-point.ts";
import { runEvents } from "./events.ts";
import { runLogLevel } from "./log-level.ts";
import { runStatus } from "./status.ts";
import { runWatch } from "./watch.ts";
import { runWhy } from "./why.ts";

/** Every command of kvmguestctl, in the order of the help. A new command is a row here, its course in a file of its own. */
export const COMMANDS: readonly Command[] = [
  {
    name: "status",
    usage: "[NAME...]",
    summary: "what is known of the guests, and what the engine was told",
    details: [
      "One row a resource: resource, guest, environment, the state that the engine was told last, how sure the agent is of",
      "it, why, how old the reading behind it is, and who said so. NAME is a guest or a resource; without it, all.",
    ],
    options: [],
    words: { least: 0, most: 1000 },
    run: runStatus,
  },
  {
    name: "why",
    usage: "NAME",
    summary: "what happened to a guest, what was decided, and what happens next",
    details: [
      "NAME is a guest or a resource. The daemon remembers the last events of each guest since it started; what is older",
      "stands in its log: journalctl -u vcskvmguestd.",
    ],
    options: [],
    words: { least: 1, most: 1 },
    run: runWhy,
  },
  {
    name: "watch",
    usage: "[NAME...]",
    summary: "the status, again and again, until Ctrl-C",
    details: [
      "On a terminal the table is drawn anew; elsewhere it is printed whenever something of it has changed.",
    ],
    options: ["interval"],
    words: { least: 0, most: 1000 },
    run: runWatch,
  },
  {
    name: "events",
    usage: "[NAME...]",
    summary: "what happened to the guests, and to the daemon's connections",
    details: ["NAME is a guest or a resource; without it, all. With --json one object a line."],
    options: ["follow"],
    words: { least: 0, most: 1000 },
    run: runEvents,
  },
  {
    name: "check",
    usage: "[RESOURCE...]",
    summary: "is the configuration right, and is this host ready?",
    details: [
      "Looks at the configuration, the host, the engine, libvirt, guests, peers and RHEV-M, and changes nothing. It works",
      "without the daemon too. Without RESOURCE all resources of this system are checked. Exit code 1: there are problems.",
      "Run it on every system: the way to a peer is checked from here, the way back from there.",
    ],
    options: ["peer"],
    reportsConfiguration: true,
    words: { least: 0, most: 1000 },
    run: runCheck,
  },
  {
    name: "entry-point",
    usage: "NAME [RESOURCE [ARGUMENT...]]",
    summary: "run an entry point by hand, or with --dry-run say what it would do",
    details: [
      "NAME is open, close, online, offline, monitor, clean, attr_changed, migrate, shutdown, or action/TOKEN. The arguments",
      "are those that the agent framework passes; with RESOURCE alone the attributes that the daemon keeps are taken.",
      "An argument that begins with - has to stand behind --.",
      "Without --dry-run the guest is really started, stopped or moved, and the engine finds out at its next monitor: the",
      "commands of the engine (hares) are the better way, as long as it runs.",
    ],
    options: ["dry-run"],
    words: { least: 1, most: 4096 },
    run: runEntryPointByHand,
  },
  {
    name: "log-level",
    usage: "[LEVEL]",
    summary: "show the daemon's log level, or change it until its next start or reload",
    details: ["LEVEL is debug, info, warn or error."],
    options: [],
    words: { least: 0, most: 1 },
    run: runLogLevel,
  },
  {
    name: "completion",
    usage: "SHELL",
    summary: "print the completion for bash or zsh",
    details: ["For bash: kvmguestctl completion bash >/usr/share/bash-completion/completions/kvmguestctl"],
    options: [],
    words: { least: 1, most: 1 },
    run: (context) => runCompletion(context, COMMANDS),
  },
];
