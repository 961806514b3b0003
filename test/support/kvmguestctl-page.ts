import type { Command } from "../../daemon/kvmguestctl/command.ts";
import { COMMANDS } from "../../daemon/kvmguestctl/commands.ts";
import { EXIT_CODES } from "../../daemon/kvmguestctl/exit-codes.ts";
import { VARIABLES } from "../../daemon/kvmguestctl/help.ts";
import { COMMON_OPTIONS, OPTIONS, type OptionName } from "../../daemon/kvmguestctl/options.ts";
import { capital, roffText } from "./roff.ts";

const HEAD = `.\\" Made from daemon/kvmguestctl: the tables of its commands, options, variables and exit codes.
.\\" After a change of one of them: UPDATE_DOCS=1 npx vitest run --project unit test/unit/docs
.Dd November 26, 2026
.Dt KVMGUESTCTL 8
.Os
.Sh NAME
.Nm kvmguestctl
.Nd show what vcskvmguestd knows and does, and why
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar option ...
.Op Ar name ...
.Nm
.Op Ar command
.Fl Fl help
.Nm
.Fl Fl version
.Sh DESCRIPTION
.Nm
asks the daemon
.Xr vcskvmguestd 8
of this host over its socket.
Most commands show something and change nothing; those that change something say
so below.
Who may use the socket may use them: root, and for showing also the group of the
read-only socket, with
.Fl Fl socket .
The command
.Cm check
works without the daemon too, and has to be run by root.
.Pp
Output is text for people, in colours on a terminal alone, or JSON with
.Fl Fl json .
.Sh COMMANDS
.Bl -tag -width Ds
`;

const FILES = `.Sh FILES
.Bl -tag -width Ds
.It Pa /run/vcskvmguestd/agent.sock
The socket of the daemon.
.It Pa /etc/vcskvmguestd/config.yaml
The configuration,
.Xr vcskvmguestd.yaml 5 ,
which may name another socket.
.El
`;

const TAIL = `.Sh EXAMPLES
What is known of all guests of this host, and why one of them is what it is:
.Bd -literal -offset indent
kvmguestctl status
kvmguestctl why web1
.Ed
.Pp
Is this host ready for the guests of the cluster, and what would an offline of
web1_vm do?
.Bd -literal -offset indent
kvmguestctl check
kvmguestctl entry-point offline web1_vm --dry-run
.Ed
.Pp
Guests that are not ONLINE, for a script:
.Bd -literal -offset indent
kvmguestctl status --json | jq -r '.[] | select(.told != "ONLINE(100)") | .guest'
.Ed
.Sh SEE ALSO
.Xr curl 1 ,
.Xr journalctl 1 ,
.Xr vcskvmguestd.yaml 5 ,
.Xr havmconfigsync 8 ,
.Xr vcskvmguestd 8
.Pp
The file operations.md of the package.
`;

/** The manual page kvmguestctl(8), in mdoc, as the tables of the program have it. */
export function kvmguestctlPage(): string {
  const variables = VARIABLES.map(([name, meaning]) => `.It Ev ${name}\n${sentence(meaning)}\n`);
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => `.It ${code}\n${sentence(meaning)}\n`);
  return [
    HEAD,
    ...COMMANDS.map(command),
    ".El\n.Sh OPTIONS\nOptions may stand anywhere; what follows\n.Fl Fl\nis none.\nEvery command takes:\n",
    list(COMMON_OPTIONS.map(option)),
    ".Sh ENVIRONMENT\n",
    list(variables),
    FILES,
    ".Sh EXIT STATUS\n",
    list(codes),
    TAIL,
  ].join("");
}

function command({ name, usage, summary, details, options }: Command): string {
  const own = options.length === 0 ? "" : list(options.map(option));
  return `.It Cm ${name}${usage === "" ? "" : ` No ${usage}`}\n${sentence(summary)}\n${roffText(details.join(" "))}\n${own}`;
}

function option(name: OptionName): string {
  const row = OPTIONS[name];
  const short = "short" in row ? `Fl ${row.short} , ` : "";
  const value = "value" in row ? ` Ar ${row.value.toLowerCase()}` : "";
  return `.It ${short}Fl Fl ${name}${value}\n${sentence(row.summary)}\n`;
}

function list(items: readonly string[]): string {
  return `.Bl -tag -width Ds\n${items.join("")}.El\n`;
}

function sentence(words: string): string {
  const begun = /^(vcskvmguestd|kvmguestctl)\b/.test(words) ? words : capital(words); // names stay as they are
  return roffText(`${begun}${/[.?!]$/.test(words) ? "" : "."}`);
}
