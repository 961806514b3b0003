import { type ConfigurationKey, configurationKeys } from "./configuration-keys.ts";
import { capital, roffText } from "./roff.ts";

const HEAD = `.\\" Made from daemon/config-schema.ts and daemon/config-meanings.ts. After a change of one of them:
.\\" UPDATE_DOCS=1 npx vitest run --project unit test/unit/docs
.Dd November 26, 2026
.Dt VCSKVMGUESTD.YAML 5
.Os
.Sh NAME
.Nm vcskvmguestd.yaml
.Nd configuration of vcskvmguestd
.Sh SYNOPSIS
.Pa /etc/vcskvmguestd/config.yaml
.Sh DESCRIPTION
The configuration of
.Xr vcskvmguestd 8
is one YAML file.
It may be missing: every key has a default or may be left out.
Guests are not configured here: a guest is a resource of the cluster, and its
attributes come with every request.
.Pp
A key that does not exist, or a value of the wrong kind or out of its limits, is
refused, all at once, each with its path.
The daemon then does not start; at a reload the configuration before stays in
force.
.Pp
.Dl vcskvmguestd --check-config
.Pp
says whether the file is valid, and changes nothing.
Options and variables of the daemon win over the file.
.Pp
A key marked
.Dq reload
is in force after
.Ql systemctl reload vcskvmguestd
or a SIGHUP, one marked
.Dq restart
after a restart of the daemon, which touches no guest.
Names with dots are keys within keys:
.Cm engine.timeoutS
is
.Cm timeoutS
below
.Cm engine .
.Sh KEYS
`;

const TAIL = `.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/vcskvmguestd/config.yaml
The configuration, readable for root.
.El
.Sh EXAMPLES
All systems of a cluster may have the same file:
.Bd -literal -offset indent
peers:
  node1: { uri: "qemu+tls://node1/system" }
  node2: { uri: "qemu+tls://node2/system" }
kvm:
  guestPowerOff: intentional
  states:
    "paused (I/O error)": OFFLINE
.Ed
.Sh SEE ALSO
.Xr havmconfigsync 8 ,
.Xr vcskvmguestd 8
.Pp
The files configuration.md, states.md and operations.md of the package.
`;

/** The manual page vcskvmguestd.yaml(5), in mdoc, as the schema and the meanings of its keys have it. */
export function configurationPage(): string {
  const groups = new Map<string, ConfigurationKey[]>();
  for (const key of configurationKeys()) {
    const [top = "", ...inner] = key.key.split(".");
    const name = inner.length === 0 ? "Keys at the top" : top;
    groups.set(name, [...(groups.get(name) ?? []), key]);
  }
  const sections = [...groups].map(
    ([name, keys]) => `.Ss ${name}\n.Bl -tag -width Ds\n${keys.map(item).join("")}.El\n`,
  );
  return `${HEAD}${sections.join("")}${TAIL}`;
}

function item({ key, kind, byDefault, effect, meaning }: ConfigurationKey): string {
  const shown = byDefault === undefined ? "no default" : `default \`${byDefault}\``;
  return `.It Cm ${key}\n${roffText(`${capital(kind)}; ${shown}; ${effect}.`)}\n.br\n${roffText(`${meaning ?? ""}.`)}\n`;
}
