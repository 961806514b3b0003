import { isIP } from "node:net";
import { z } from "zod";

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]):(\d{1,5})$/;

/** An address that no other host reaches, by number: a name may mean another one tomorrow. */
function isLoopbackAddress(text: string): boolean {
  const port = Number(LOOPBACK.exec(text)?.[1]);
  return port >= 1 && port <= 65_535 && isIP(text.slice(0, text.lastIndexOf(":")).replace(/[[\]]/g, "")) > 0;
}

/** libvirt's words for states and the agent's for answers are checked where they are used: src/kvm. */
const path = z.string().regex(/^\//, "must be an absolute path").max(4095);
/** Source: unix(7), sun_path less its final NUL. A longer path is cut, or refused when the daemon is started. */
const SOCKET_PATH_BYTES = 107;

const socketPath = z
  .string()
  .regex(/^\//, "must be an absolute path")
  .refine(
    (text) => Buffer.byteLength(text) <= SOCKET_PATH_BYTES,
    `must be at most ${SOCKET_PATH_BYTES} bytes, as the path of any socket`,
  );

const seconds = (smallest: number, largest: number) => z.number().min(smallest).max(largest);

const answers = z
  .string()
  .regex(
    /^(ONLINE (10|20|30|40|50|60|70|80|90|100)|OFFLINE|INTENTIONAL OFFLINE|UNKNOWN)$/,
    'must be "ONLINE 10" to "ONLINE 100" in tens, "OFFLINE", "INTENTIONAL OFFLINE" or "UNKNOWN"',
  );

const log = z.strictObject({
  level: z.enum(["debug", "info", "warn", "error"]).default("info"),
  format: z.enum(["json", "text"]).default("json"),
});

const engine = z.strictObject({
  hares: path.default("/opt/VRTSvcs/bin/hares"),
  system: z.string().min(1).max(255).optional(),
  sysnameFile: path.default("/etc/VRTSvcs/conf/sysname"),
  timeoutS: seconds(1, 120).default(10),
  log: z.enum(["off", "warnings", "states"]).default("states"),
});

const libvirt = z.strictObject({
  uri: z.string().min(1).max(255).default("qemu:///system"),
  sockets: z.array(socketPath).min(1).max(8).optional(),
  runDirectory: path.default("/run/libvirt/qemu"),
  openTimeoutS: seconds(1, 60).default(5),
  keepaliveIntervalS: seconds(1, 60).default(5),
  keepaliveCount: z.int().min(1).max(10).default(3),
});

const kvm = z.strictObject({
  guestPowerOff: z.enum(["fault", "intentional"]).default("fault"),
  autostart: z.enum(["clear", "warn"]).default("clear"),
  shutdown: z.enum(["acpi", "agent"]).default("acpi"),
  managedSave: z.enum(["restore", "discard", "refuse"]).default("restore"),
  ioErrorPause: z.enum(["wait", "resume"]).default("wait"),
  states: z.record(z.string(), answers).default({}),
  doubleStart: z.enum(["warn", "strict"]).default("warn"),
});

const migration = z
  .strictObject({
    migrateUri: z
      .string()
      .regex(/^(tcp|rdma|unix):[^\s']+$/, "must be a migration URI such as tcp://{host}")
      .max(1024)
      .optional(),
    bandwidthMiBps: z.int().min(1).max(1_000_000).optional(),
    parallelConnections: z.int().min(1).max(64).optional(),
    downtimeMs: z.int().min(1).max(2_000_000).optional(),
    autoConverge: z.boolean().default(true),
    postCopy: z.boolean().default(false),
    encrypt: z.boolean().default(false),
  })
  .refine(
    ({ postCopy, parallelConnections }) => !postCopy || parallelConnections === undefined,
    // measured with QEMU 7.2: the target's emulator aborts when post-copy begins, and the guest is lost
    "postCopy and parallelConnections exclude each other: with both, QEMU loses the guest",
  );

const sites = z
  .record(z.string().min(1).max(255), z.array(z.string().min(1).max(255)).min(1).max(64))
  .refine(areApart, "a system is of one site only");

function areApart(record: Readonly<Record<string, readonly string[]>>): boolean {
  const systems = Object.values(record).flatMap((names) => [...new Set(names)]);
  return new Set(systems).size === systems.length;
}

/** How the libvirtds of the other systems are reached; src/kvm checks the URIs. */
const peers = z
  .record(z.string().min(1).max(255), z.strictObject({ uri: z.string().min(1).max(1024) }))
  .refine((record) => Object.keys(record).length <= 64, "must be 64 systems at most");

const sync = z.strictObject({
  secrets: z.boolean().default(false),
  versions: z.int().min(0).max(99).default(3),
});

const heartbeat = z.strictObject({
  intervalS: seconds(1, 300).default(20),
  timeoutS: z.int().min(1).max(60).default(5),
  misses: z.int().min(1).max(100).default(3),
  lossS: seconds(1, 3600).default(60),
});

const devScan = z.strictObject({
  deviceCommand: z.tuple([path], z.string().max(4095)).optional(),
  deviceCommandS: seconds(1, 600).default(60),
  spmWaitS: seconds(10, 3600).default(180),
  movesGuests: z.boolean().default(false),
});

const rhev = z
  .strictObject({
    auth: z.enum(["basic", "oauth"]).default("basic"),
    caFile: path.optional(),
    fingerprints: z.array(z.string().max(128)).min(1).max(8).optional(),
    passwordCommand: z.tuple([path], z.string().max(4095)).optional(),
    passwordCredential: z
      .string()
      .regex(/^[\w.-]{1,255}$/, "must be the name of a credential")
      .optional(),
    passwordFile: path.optional(),
    host: z.string().min(1).max(255).optional(),
    hosts: z.record(z.string().min(1).max(255), z.string().min(1).max(255)).default({}),
    clusters: z.record(z.string().min(1).max(255), z.string().min(1).max(255)).default({}),
    devScan: devScan.prefault({}),
    connectTimeoutS: seconds(1, 60).default(5),
    answerTimeoutS: seconds(1, 60).default(10),
  })
  .refine(
    ({ caFile, fingerprints }) => caFile === undefined || fingerprints === undefined,
    "takes caFile or fingerprints, not both",
  )
  .refine(
    ({ passwordCommand, passwordCredential, passwordFile }) =>
      [passwordCommand, passwordCredential, passwordFile].filter((one) => one !== undefined).length <= 1,
    "takes one of passwordCommand, passwordCredential and passwordFile",
  );

const metrics = z.strictObject({
  listen: z
    .string()
    .refine(
      isLoopbackAddress,
      "must be an address of the loopback and a port, such as 127.0.0.1:9868 or [::1]:9868",
    )
    .optional(),
});

const limits = z.strictObject({
  bodyBytes: z.int().min(4096).max(16_777_216).optional(),
  requestsAtOnce: z.int().min(1).max(4096).optional(),
  readRequestS: seconds(1, 60).optional(),
  connections: z.int().min(1).max(8192).optional(),
});

/** The configuration file as a whole. Unknown keys are refused: a misspelt one would silently do nothing. */
export const configSchema = z.strictObject({
  socket: socketPath.default("/run/vcskvmguestd/agent.sock"),
  readOnlySocket: z.strictObject({ path: socketPath, gid: z.int().min(0) }).optional(),
  stateDirectory: path.default("/var/lib/vcskvmguestd"),
  log: log.prefault({}),
  monitorIntervalS: seconds(1, 300).default(5),
  stopTimeoutS: seconds(1, 300).default(10),
  engine: engine.prefault({}),
  libvirt: libvirt.prefault({}),
  kvm: kvm.prefault({}),
  migration: migration.prefault({}),
  sites: sites.default({}),
  peers: peers.default({}),
  sync: sync.prefault({}),
  heartbeat: heartbeat.prefault({}),
  rhev: rhev.prefault({}),
  metrics: metrics.prefault({}),
  limits: limits.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
