import { lookup } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { hasCode, messageOf } from "../../agent-error.ts";
import { orAbort, withDeadline } from "../../deadline.ts";
import { type Check, type CheckRow, type RowMaker, rowsOf } from "../../readiness.ts";
import { migrationUriFor } from "../migration-call.ts";
import type { Peer } from "./peer.ts";

/** The first port that libvirt takes for the memory of a guest. Source: qemu.conf, migration_port_min. */
const FIRST_PORT = 49_152;

/** An answer within a cluster takes milliseconds; a firewall that drops gives none. */
const PORT_MS = 3000;

/** What came of a knock at a port: somebody answered, if only to refuse; or why nobody did. */
type Knock = { readonly kind: "answers" } | { readonly kind: "silent"; readonly why: string };

/** What is asked of the network. */
export interface NetworkSight {
  /** The address of a name. Throws where there is none. */
  addressOf(name: string): Promise<string>;
  knock(host: string, port: number, signal: AbortSignal): Promise<Knock>;
}

const NETWORK: NetworkSight = {
  addressOf: async (name) => (await lookup(name)).address,
  knock: knockAt,
};

/** Does the memory of a migrating guest find its way to the peer: the name, and a port that no firewall drops? */
export function peerAddressCheck(
  { system, uri, access }: Peer,
  migrateUri: string | undefined,
  network: NetworkSight = NETWORK,
): Check {
  const about = `peer ${system}`;
  const row = rowsOf("peer address", about);
  return {
    name: "peer address",
    about,
    async look(signal) {
      const template = migrateUri === undefined ? undefined : migrationUriFor(migrateUri, uri);
      if (template?.startsWith("unix:") === true)
        return [row.notChecked(`migration.migrateUri is ${template}, a socket of this host`)];
      const place = template === undefined ? undefined : placeIn(template);
      if (template !== undefined && place === undefined)
        return [
          row.problem(
            `migration.migrateUri becomes ${template}, which names no host`,
            "correct migration.migrateUri",
          ),
        ];
      let host: string;
      try {
        host =
          place?.host ??
          (await access.use(`asking ${system} for its name`, signal, (peer) => peer.getHostname({ signal })));
      } catch (error) {
        return [row.notChecked(messageOf(error))];
      }
      const asked = { system, host, port: place?.port ?? FIRST_PORT, isOwnWord: place === undefined };
      return [await rowFor(row, asked, network, signal)];
    },
  };
}

interface Asked {
  readonly system: string;
  readonly host: string;
  readonly port: number;
  /** The peer itself says so, as in a migration without migrateUri. */
  readonly isOwnWord: boolean;
}

async function rowFor(
  row: RowMaker,
  { system, host, port, isOwnWord }: Asked,
  network: NetworkSight,
  signal: AbortSignal,
): Promise<CheckRow> {
  const source = isOwnWord ? `${system} calls itself ${host}` : `migration.migrateUri leads to ${host}`;
  const remedy = isOwnWord
    ? `put ${host} into /etc/hosts or the DNS here, set migration_host in ${system}'s /etc/libvirt/qemu.conf, or set migration.migrateUri`
    : `put ${host} into /etc/hosts or the DNS here, or correct migration.migrateUri`;
  let address: string;
  try {
    address = isIP(host) === 0 ? await orAbort(network.addressOf(host), signal) : host;
  } catch (error) {
    if (hasCode(error, "TIMED_OUT", "CANCELLED")) throw error;
    return row.problem(
      `${source}, a name that this host cannot resolve: its guests cannot migrate there`,
      remedy,
    );
  }
  if (address.startsWith("127.") || address === "::1")
    return row.problem(`${source}, which is ${address} for this host: itself`, remedy);
  const answer = await network.knock(address, port, signal);
  if (answer.kind === "answers")
    return row.ok(`${source} (${address}), and nothing drops what goes to its port ${port}`);
  return row.problem(
    `${source} (${address}), but nobody answers for its port ${port}: ${answer.why}`,
    `open the ports of migrations on ${system}: firewall-cmd --permanent --add-port=49152-49215/tcp && firewall-cmd --reload`,
  );
}

function placeIn(uri: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const found = /^[a-z]+:\/*(?:\[([^\]]+)\]|([^:/]+))(?::(\d{1,5}))?/.exec(uri);
  const host = found?.[1] ?? found?.[2];
  if (host === undefined) return undefined;
  return { host, port: found?.[3] === undefined ? undefined : Number(found[3]) };
}

/** Connects and goes: nobody listens there before a migration, so a refusal is an answer too. */
async function knockAt(host: string, port: number, signal: AbortSignal): Promise<Knock> {
  const socket = connect({ host, port });
  const answer = new Promise<Knock>((resolve) => {
    socket.once("connect", () => resolve({ kind: "answers" }));
    socket.once("error", (error) => {
      const isRefused = "code" in error && error.code === "ECONNREFUSED";
      resolve(isRefused ? { kind: "answers" } : { kind: "silent", why: error.message });
    });
  });
  try {
    return await withDeadline(PORT_MS, `a connection to ${host} port ${port}`, [signal], (limit) =>
      orAbort(answer, limit),
    );
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: "silent", why: messageOf(error) };
  } finally {
    socket.destroy();
  }
}
