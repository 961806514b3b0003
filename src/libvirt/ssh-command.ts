import { LibvirtCallError } from "./errors.ts";
import { type SshTarget, targetName } from "./target.ts";

/**
 * The arguments of ssh for a target. Nothing is asked of anybody, nothing is forwarded, and no connection is shared: it
 * must end with us. What the user's own configuration says holds beside.
 *
 * @param connectTimeoutMs ssh's own limit, behind the caller's
 */
export function sshArguments(target: SshTarget, connectTimeoutMs: number): readonly string[] {
  const { host, port, user, keyFile, knownHosts } = target;
  const options = [
    "BatchMode=yes",
    `ConnectTimeout=${Math.max(1, Math.ceil(connectTimeoutMs / 1000))}`,
    "ControlPath=none",
    "LogLevel=ERROR",
    ...(keyFile === undefined ? [] : ["IdentitiesOnly=yes"]),
    ...(knownHosts === undefined ? [] : [`UserKnownHostsFile=${knownHosts}`]),
  ];
  return [
    "-T",
    "-a",
    "-x",
    "-e",
    "none",
    ...options.flatMap((option) => ["-o", option]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(keyFile === undefined ? [] : ["-i", keyFile]),
    "--",
    host,
    relayCommand(target),
  ];
}

/**
 * What joins ssh to the daemon's socket on the other host: libvirt's own helper, which finds the daemon itself, else nc
 * or socat on the first socket that is there. It is run by whatever shell the user has there, so all quotes are outside.
 * Parts of the URI in it are checked when the URI is parsed.
 *
 * Source: virnetclient.c, virNetClientSSHHelperCommand: which tools, and how to tell whether nc knows -q.
 */
function relayCommand({ helperUri, sockets, readOnly }: SshTarget): string {
  const helper = `exec virt-ssh-helper ${readOnly ? "-r " : ""}"${helperUri}"`;
  const steps = [
    ...(helperUri === undefined ? [] : [`if ${has("virt-ssh-helper")}; then ${helper}; fi`]),
    `for s in ${sockets.join(" ")}; do if [ -S $s ]; then break; fi; done`,
    `if ${has("nc")}; then if nc -q 2>&1 | grep -q "requires an argument"; then exec nc -q0 -U $s; else exec nc -U $s; fi; fi`,
    `if ${has("socat")}; then exec socat - UNIX-CONNECT:$s; fi`,
    `echo "none of virt-ssh-helper, nc and socat is installed there" >&2; exit 127`,
  ];
  return `sh -c '${steps.join("; ")}'`;
}

function has(program: string): string {
  return `command -v ${program} >/dev/null 2>&1`;
}

/** How ssh ended: its exit code, null after a signal, and what it said. */
export type SshEnd = { code: number | null; words: string };

/** ssh's own exit code for whatever failed before the other host ran anything. Source: ssh(1), EXIT STATUS. */
const SSH_FAILED = 255;

/**
 * What an end of ssh means: undefined for one without trouble, when the daemon hung up. ssh has one exit code for all of
 * its failures, so nothing but its words tells apart whom to ask: the host's key, the user's key, the network.
 */
export function sshFailure(target: SshTarget, { code, words }: SshEnd): LibvirtCallError | undefined {
  const name = targetName(target);
  const said = words === "" ? "it said nothing" : words;
  if (code === 0) return undefined;
  if (code !== SSH_FAILED) {
    const how = code === null ? "was ended by a signal" : `ended with ${code}`;
    return new LibvirtCallError(
      "no socket",
      `no libvirt daemon is reached behind ${name}: its relay ${how}: ${said}`,
    );
  }
  if (/host key|host identification/i.test(words)) {
    const remedy = "compare that host's key, and have it among the known hosts of the user who asks";
    return new LibvirtCallError("auth", `the host of ${name} cannot be trusted: ${said}: ${remedy}`);
  }
  if (/permission denied|authentication fail|no more authentication|identity file|load key/i.test(words)) {
    const remedy =
      "a key without a passphrase must be allowed there for that user; no password is ever asked";
    return new LibvirtCallError("auth", `the host of ${name} refuses the key: ${said}: ${remedy}`);
  }
  return new LibvirtCallError("no socket", `no libvirt daemon is reached by ${name}: ${said}`);
}
