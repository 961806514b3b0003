import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CertificateOptions, makeAuthority } from "../lab/certificates.ts";
import { Faults } from "./faults.ts";
import { handle, type SeenRequest } from "./front.ts";
import { Logins, type User } from "./logins.ts";
import { administrator, makeWorld, type SiteOptions } from "./site.ts";
import type { World } from "./world.ts";

/** What a simulated engine is, and where it listens. Everything has a default. */
export interface SimulatorOptions extends SiteOptions {
  /** Address to listen on. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /** How many simulated seconds a real one has; 0: time passes by `world.clock.advance` only. */
  readonly speed?: number;
  /** What the certificate says; `localhost` and 127.0.0.1 when left out. */
  readonly certificate?: Partial<CertificateOptions>;
}

/** A running engine. */
export interface RhevmSimulator {
  /** Without the API's path, as in RHEVMInfo: `https://localhost:8443`. */
  readonly url: string;
  readonly port: number;
  /** PEM file and text of the authority that signed the engine's certificate. */
  readonly caFile: string;
  readonly caPem: string;
  /** SHA-256 of the engine's certificate: `AB:CD:…`. */
  readonly fingerprint: string;
  readonly world: World;
  readonly users: User[];
  readonly logins: Logins;
  readonly faults: Faults;
  /** All requests since the start, as they came. A test may empty it. */
  readonly requests: SeenRequest[];
  /** Ends all connections and takes no new ones: they are refused. */
  readonly close: () => Promise<void>;
  /** Takes connections again, at the same port. */
  readonly reopen: () => Promise<void>;
  /** Ends it for good, and all connections. */
  readonly stop: () => Promise<void>;
}

/** Starts an engine with a site of its own: data centre and cluster Default, and what the options name. */
export async function startRhevmSimulator(options: SimulatorOptions = {}): Promise<RhevmSimulator> {
  const world = makeWorld(options);
  const users: User[] = [administrator(options)];
  const [logins, faults, requests] = [new Logins(world, users), new Faults(), new Array<SeenRequest>()];
  const folder = await mkdtemp(join(tmpdir(), "rhevm-"));
  const authority = await makeAuthority(join(folder, "ca"), "simulated engine's authority");
  const names = "DNS:localhost,IP:127.0.0.1";
  const files = await authority.issue({ commonName: "localhost", names, ...options.certificate });
  const [caPem, cert, key] = await Promise.all(
    [authority.cert, files.cert, files.key].map((file) => readFile(file, "utf8")),
  );
  if (caPem === undefined || cert === undefined || key === undefined) throw new Error("no certificate");
  const front = { site: world, logins, caPem, faults, seen: requests };
  const server = createServer({ cert, key }, (incoming, response) => {
    handle(front, incoming, response).catch(() => response.destroy()); // the client has gone
  });
  const address = options.host ?? "127.0.0.1";
  const port = await listen(server, address, options.port ?? 0);
  const close = async () => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const stopTime = options.speed ? world.clock.followRealTime(options.speed) : () => {};
  return {
    url: `https://${options.host ?? "localhost"}:${port}`,
    port,
    caFile: authority.cert,
    caPem,
    fingerprint: new X509Certificate(cert).fingerprint256,
    world,
    users,
    logins,
    faults,
    requests,
    close,
    reopen: async () => {
      await listen(server, address, port);
    },
    stop: async () => {
      stopTime();
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
