import { randomUUID } from "node:crypto";
import { pause, throwIfAborted } from "../../../src/deadline.ts";
import type { DomainRef, DomainStateCode } from "../../../src/kvm/hypervisor.ts";
import { ERROR_CODE, LibvirtCallError } from "../../../src/libvirt/errors.ts";
import { agentReply } from "./fake-agent.ts";
import { CODE, EVENT, FakeDomain, type MigrationAsked } from "./fake-domain.ts";
import { FakeHypervisor } from "./fake-hypervisor.ts";
import { invalid, libvirtError } from "./libvirt-error.ts";

/** A session of a silent peer is given up after this: 5 s of silence and three questions 5 s apart. */
const KEEPALIVE_MS = 20_000;
const OPEN_MS = 5000;

/** Between a guest's power-off and the end of its emulator. Measured with libvirt 9.0 and QEMU 7.2. */
const END_MS = 220;

const NEVER = new AbortController().signal;

/** Source: libvirt-domain.h, virDomainShutdownFlagValues. */
const BY_AGENT = 2;

/** Processes that stand for emulators, where a test needs what /proc shows. */
export interface EmulatorKeeper {
  begin(name: string, uuid: string): Promise<void>;
  end(uuid: string): Promise<void>;
  lives(uuid: string): boolean;
}

/** A libvirtd without processes: domains, sessions, and the ways in which it fails. */
export class FakeLibvirtd {
  /** Every call that was sent, by its name. */
  readonly calls: string[] = [];
  /** Calls that are never answered. */
  readonly hanging = new Set<string>();
  /** Milliseconds that a start and a destroy take. */
  startMs = 0;
  /** Whether a start that takes its time has an emulator already, which a destroy ends, or waits for a worker. */
  startsBegin: "at once" | "late" = "late";
  destroyMs = 0;
  /** What a migration does until it ends; the signal is an abort of its job. By default the guest leaves at once. */
  onMigrate: (domain: FakeDomain, uri: string, aborted: AbortSignal) => Promise<void> = async (domain) => {
    this.leave(domain.name);
  };
  /** Every migration that was asked for. */
  readonly migrations: MigrationAsked[] = [];
  readonly #domains = new Map<string, FakeDomain>();
  readonly #sessions = new Set<FakeHypervisor>();
  readonly #emulators: EmulatorKeeper | undefined;
  /** UUIDs of domains whose emulators were seen alive. */
  readonly #alive = new Set<string>();
  #isUp = true;
  #hung: { readonly over: Promise<void>; readonly end: () => void } | undefined;
  #lastId = 0;

  constructor(emulators?: EmulatorKeeper) {
    this.#emulators = emulators;
  }

  /** Opens a session, as the product's opener does. */
  async open(signal: AbortSignal): Promise<FakeHypervisor> {
    if (this.#hung !== undefined) {
      await pause(OPEN_MS, signal);
      throwIfAborted(signal);
      throw new LibvirtCallError("timed out", "libvirtd did not answer the open");
    }
    if (!this.#isUp)
      throw new LibvirtCallError("no socket", "connect ECONNREFUSED /run/libvirt/libvirt-sock");
    const session = new FakeHypervisor(this);
    this.#sessions.add(session);
    return session;
  }

  get condition(): "up" | "down" | "hung" {
    if (this.#hung !== undefined) return "hung";
    return this.#isUp ? "up" : "down";
  }

  /** Sessions that are open now. */
  get sessions(): number {
    return [...this.#sessions].filter((session) => !session.closed).length;
  }

  /** Answers a call; a hung libvirtd answers when it goes on. */
  async answer<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    await this.#hung?.over;
    if (this.hanging.has(name)) await new Promise(() => undefined);
    this.#noticeDeaths();
    return work();
  }

  /** The UUID is a new one by default: other tests' emulators are in the same /proc. */
  define(name: string, code: DomainStateCode = CODE.offUnknown, uuid: string = randomUUID()): FakeDomain {
    const domain = new FakeDomain(name, uuid);
    this.#domains.set(name, domain);
    this.#enter(domain, code);
    return domain;
  }

  undefine(name: string): void {
    this.#domains.delete(name);
  }

  all(): readonly FakeDomain[] {
    return [...this.#domains.values()];
  }

  /** @throws {LibvirtError} 42 when there is no such domain */
  named(name: string): FakeDomain {
    const domain = this.#domains.get(name);
    if (domain === undefined) {
      throw libvirtError(
        "lookup",
        ERROR_CODE.NO_DOMAIN,
        `Domain not found: no domain with matching name '${name}'`,
      );
    }
    return domain;
  }

  /** @throws {LibvirtError} 42 when there is no such domain */
  of(uuid: string): FakeDomain {
    const domain = this.all().find((candidate) => candidate.uuid === uuid);
    if (domain === undefined) throw libvirtError("lookup", ERROR_CODE.NO_DOMAIN, "Domain not found");
    return domain;
  }

  /** The definition, one line; SECURE is 1. Source: libvirt-domain.h, virDomainXMLFlags. */
  xmlOf(uuid: string, flags: number): string {
    const { name, password, disks } = this.of(uuid);
    const secret = password === undefined || (flags & 1) === 0 ? "" : ` passwd='${password}'`;
    const devices = `${disks.join("")}<graphics type='vnc'${secret}/>`;
    return `<domain><name>${name}</name><uuid>${uuid}</uuid><os><type machine='pc-i440fx-7.2'>hvm</type></os><devices>${devices}</devices></domain>`;
  }

  /** FORCE_BOOT is 8. Source: libvirt-domain.h, virDomainCreateFlags. */
  async create(uuid: string, flags = 0): Promise<DomainRef> {
    const domain = this.of(uuid);
    if (domain.isActive) throw invalid("create", "domain is already running");
    domain.wasRestored = domain.isSaved && (flags & 8) === 0;
    domain.isSaved = false;
    const starting = new AbortController();
    domain.starting = starting;
    try {
      if (this.startMs > 0) await pause(this.startMs, starting.signal);
      await this.#boot(domain, starting.signal);
      return domain.ref;
    } finally {
      domain.starting = undefined;
    }
  }

  defineXml(xml: string): DomainRef {
    const name = /<name>(.*?)<\/name>/.exec(xml)?.[1] ?? "";
    return (this.#domains.get(name) ?? this.define(name)).ref;
  }

  async destroy(uuid: string): Promise<void> {
    const domain = this.of(uuid);
    if (domain.starting !== undefined && this.startsBegin === "at once") domain.starting.abort();
    else if (!domain.isActive) throw invalid("destroy", "domain is not running");
    if (this.destroyMs > 0) await pause(this.destroyMs, NEVER);
    await this.#endEmulator(uuid);
    this.#enter(domain, CODE.offDestroyed, EVENT.shutdownByHost, EVENT.stoppedDestroyed);
  }

  /** As the peer-to-peer migration of the source's libvirtd. */
  async migrate(uuid: string, asked: MigrationAsked): Promise<void> {
    this.migrations.push(asked);
    const domain = this.of(uuid);
    if (!domain.isActive) throw invalid("migratePerform3Params", "domain is not running");
    const aborted = new AbortController();
    domain.job = "outgoing";
    domain.jobBeganAt = Date.now();
    domain.abortJob = () => aborted.abort();
    try {
      await this.onMigrate(domain, asked.destinationUri, aborted.signal);
    } finally {
      domain.job = "none";
      domain.abortJob = undefined;
    }
  }

  abortJob(uuid: string): void {
    const { abortJob, isPostCopy } = this.of(uuid);
    if (isPostCopy) throw invalid("abortJob", "cannot abort migration in post-copy mode");
    if (abortJob === undefined) throw invalid("abortJob", "no job is active on the domain");
    abortJob();
  }

  /** The guest goes to another host. */
  leave(name: string): void {
    this.#enter(this.named(name), CODE.offMigrated, EVENT.suspendedMigrated, EVENT.stoppedMigrated);
  }

  shutdown(uuid: string, flags: number): void {
    const domain = this.of(uuid);
    if (!domain.isActive) throw invalid("shutdown", "domain is not running");
    if (flags === BY_AGENT && !domain.hasAgent) {
      throw libvirtError("shutdown", ERROR_CODE.AGENT_UNRESPONSIVE, "QEMU guest agent is not connected");
    }
    if (domain.obeysAfterMs === undefined) return;
    setTimeout(() => void this.powerOff(domain.name), domain.obeysAfterMs);
  }

  /** A suspend takes its turn behind a start. */
  async suspend(uuid: string): Promise<void> {
    const domain = this.of(uuid);
    while (domain.starting !== undefined) await pause(10, NEVER);
    if (!domain.isActive) throw invalid("suspend", "domain is not running");
    this.#enter(domain, CODE.pausedByUser, EVENT.suspendedPaused);
  }

  resume(uuid: string): void {
    const domain = this.of(uuid);
    this.#enter(domain, CODE.unpaused, EVENT.resumedUnpaused);
    if (domain.diskFails) this.#enter(domain, CODE.pausedByIoError, EVENT.suspendedIoError);
  }

  askAgent(uuid: string, command: string, timeoutS: number): Promise<string> {
    return agentReply(this.of(uuid), command, timeoutS);
  }

  /** The guest boots anew within its emulator; its agent is gone until somebody starts it. */
  reboot(name: string): void {
    const { ref } = this.named(name);
    for (const session of this.#sessions) session.events.emit("reboot", { domain: ref });
  }

  pmWakeup(uuid: string): void {
    this.#enter(this.of(uuid), CODE.wokenUp, EVENT.startedWakeup);
  }

  /** The guest powers itself off. */
  async powerOff(name: string): Promise<void> {
    const domain = this.named(name);
    if (!domain.isActive) return;
    this.#tell(domain, EVENT.shutdownByGuest);
    await pause(END_MS, NEVER);
    await this.end(name, CODE.offShutdown, EVENT.stoppedShutdown);
  }

  /** The emulator ends, in the way that the events tell. */
  async end(
    name: string,
    code: DomainStateCode,
    ...events: readonly (readonly [number, number])[]
  ): Promise<void> {
    const domain = this.named(name);
    if (!domain.isActive) return;
    await this.#endEmulator(domain.uuid);
    this.#enter(domain, code, ...events);
  }

  /** A running guest enters another state, its emulator lives on. */
  becomes(name: string, code: DomainStateCode, ...events: readonly (readonly [number, number])[]): void {
    this.#enter(this.named(name), code, ...events);
  }

  /** libvirtd ends; guests go on, but for their migrations. */
  stop(): void {
    this.#isUp = false;
    for (const domain of this.all()) domain.abortJob?.();
    this.#loseSessions("end of file", "libvirtd closed the connection");
  }

  /** Its connections end, and it goes on. */
  disconnect(): void {
    this.#loseSessions("end of file", "the connection was reset");
  }

  /** libvirtd comes back: no event tells of what happened meanwhile. */
  start(): void {
    this.#isUp = true;
    for (const domain of this.all()) {
      if (!domain.isActive) continue;
      if (this.#hasLost(domain)) this.#enter(domain, CODE.offCrashed);
      else if (domain.code.state === CODE.booted.state) domain.code = CODE.booted;
    }
  }

  /** libvirtd is stopped by a signal or a lock: nothing is answered, and clients notice by its silence. */
  hang(): void {
    const resolvers: (() => void)[] = [];
    const over = new Promise<void>((resolve) => resolvers.push(resolve));
    this.#hung = { over, end: () => resolvers[0]?.() };
    setTimeout(() => {
      if (this.#hung?.over === over) this.#loseSessions("keepalive timeout", "libvirtd is silent");
    }, KEEPALIVE_MS);
  }

  goOn(): void {
    const hung = this.#hung;
    this.#hung = undefined;
    hung?.end();
    for (const domain of this.all()) {
      if (domain.isActive && this.#hasLost(domain)) this.#enter(domain, CODE.offCrashed, EVENT.stoppedFailed);
    }
  }

  async #endEmulator(uuid: string): Promise<void> {
    this.#alive.delete(uuid);
    await this.#emulators?.end(uuid);
  }

  /** An emulator that was seen alive and is gone, by whatever hand. */
  #noticeDeaths(): void {
    for (const domain of this.all()) {
      if (!domain.isActive || domain.starting !== undefined) continue;
      if (!this.#hasLost(domain)) this.#alive.add(domain.uuid);
      else if (this.#alive.delete(domain.uuid)) this.#enter(domain, CODE.offCrashed, EVENT.stoppedFailed);
    }
  }

  async #boot(domain: FakeDomain, destroyed: AbortSignal): Promise<void> {
    if (destroyed.aborted) throw libvirtError("create", ERROR_CODE.OPERATION_FAILED, "domain was destroyed");
    if (domain.startFailure !== undefined) {
      throw libvirtError("create", ERROR_CODE.INTERNAL_ERROR, domain.startFailure);
    }
    await this.#emulators?.begin(domain.name, domain.uuid);
    this.#enter(domain, CODE.booted, EVENT.resumedUnpaused, EVENT.startedBooted);
  }

  #hasLost({ uuid }: FakeDomain): boolean {
    return this.#emulators !== undefined && !this.#emulators.lives(uuid);
  }

  #loseSessions(kind: string, message: string): void {
    const sessions = [...this.#sessions];
    this.#sessions.clear();
    for (const session of sessions) session.lose(kind, message);
  }

  #enter(domain: FakeDomain, code: DomainStateCode, ...events: readonly (readonly [number, number])[]): void {
    const wasActive = domain.id >= 0;
    domain.code = code;
    if (!domain.isActive) domain.id = -1;
    else if (!wasActive) domain.id = this.#lastId += 1;
    this.#tell(domain, ...events);
  }

  #tell(domain: FakeDomain, ...events: readonly (readonly [number, number])[]): void {
    const { ref } = domain;
    for (const [event, detail] of events) {
      for (const session of this.#sessions) session.events.emit("lifecycle", { domain: ref, event, detail });
    }
  }
}
