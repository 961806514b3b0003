import { access, constants, stat } from "node:fs/promises";
import { AgentError, messageOf } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { orAbort, throwIfAborted } from "../deadline.ts";
import { isNoDomain } from "../libvirt/errors.ts";
import type { Log } from "../log.ts";
import type { Finding } from "../platform.ts";
import { readDefinition, withUuid } from "./definition.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainRef, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session or for room on it. */
const PATIENCE_MS = 5000;

export interface PreparerParts {
  readonly lane: Lane;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** Brings definitions in place, keeps libvirt's autostart away, and checks what a resource needs. */
export class Preparer {
  readonly #parts: PreparerParts;
  /** Paths outside the agent's own that are being looked at. */
  readonly #looking = new Set<string>();

  constructor(parts: PreparerParts) {
    this.#parts = parts;
  }

  /** See Platform.prepare. A file that cannot be used is no failure while libvirt has a definition. */
  async prepare(attributes: Attributes, signal: AbortSignal): Promise<void> {
    const { guestName: guest, guestConfigFilePath: path } = attributes;
    const known = await this.#lookup(guest, signal);
    if (path === undefined) {
      if (known !== undefined) return;
      throw new AgentError(
        "GUEST_NOT_FOUND",
        `guest ${guest} is not defined on this host and GuestConfigFilePath is not set: define it, or set the path`,
      );
    }
    try {
      await this.#define(guest, path, known, signal);
    } catch (error) {
      throwIfAborted(signal);
      if (known === undefined) throw error;
      this.#parts.log.warn(
        { guest, path, err: error },
        "guest configuration file is not used, the existing definition is",
      );
    }
  }

  /** See Platform.claim. */
  async claim(guest: string, signal: AbortSignal): Promise<void> {
    const { log, settings } = this.#parts;
    try {
      await this.#use(signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        if (!(await session.getAutostart(uuid, { signal }))) return;
        if (settings().autostart === "clear") {
          await session.setAutostart(uuid, false, { signal });
          log.warn({ guest }, "autostart cleared, after a power cut both hosts would have booted the guest");
          return;
        }
        log.warn({ guest }, "autostart is set, after a power cut both hosts will boot the guest");
      });
    } catch (error) {
      if (!isNoDomain(error)) log.debug({ guest, err: error }, "autostart could not be checked");
    }
  }

  /** See Platform.validate. */
  async validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]> {
    const { guestName: guest, guestConfigFilePath: path, syncDir } = attributes;
    const checks = [this.#checkGuest(guest, path, signal)];
    if (syncDir !== undefined) checks.push(this.#read(syncDir, () => checkFolder(syncDir), signal));
    const found = await Promise.all(checks.map((check) => check.catch(asFinding)));
    return found.filter((finding) => finding !== undefined);
  }

  async #checkGuest(
    guest: string,
    path: string | undefined,
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const known = await this.#lookup(guest, signal);
    if (path !== undefined) await this.#read(path, () => readDefinition(path, guest), signal);
    if (known !== undefined || path !== undefined) return undefined;
    return {
      level: "warn",
      text: `guest ${guest} is not defined on this host and GuestConfigFilePath is not set`,
    };
  }

  async #define(
    guest: string,
    path: string,
    known: DomainRef | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const definition = await this.#read(path, () => readDefinition(path, guest), signal);
    const xml = known === undefined ? definition.xml : await withUuid(definition, known.uuid, path, guest);
    try {
      await this.#use(signal, async (session) => {
        const { uuid } = await session.defineXml(xml, 0, { signal });
        this.#parts.memories.of(guest).uuid = uuid;
      });
    } catch (error) {
      throw agentErrorOf(error, `defining guest ${guest} from ${path}`);
    }
    this.#parts.log.info({ guest, path }, "guest defined");
    await this.claim(guest, signal);
  }

  async #lookup(guest: string, signal: AbortSignal): Promise<DomainRef | undefined> {
    try {
      const domain = await this.#use(signal, (session) => session.lookupByName(guest, { signal }));
      this.#parts.memories.of(guest).uuid = domain.uuid;
      return domain;
    } catch (error) {
      if (isNoDomain(error)) return undefined;
      throw agentErrorOf(error, `looking up guest ${guest}`);
    }
  }

  /** A hung file system takes one of Node's few file threads for good; a second look would take the next. */
  async #read<T>(path: string, look: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#looking.has(path))
      throw new AgentError("TIMED_OUT", `${path}: still does not answer, its storage hangs`);
    this.#looking.add(path);
    const looked = look().finally(() => this.#looking.delete(path));
    return orAbort(looked, signal);
  }

  #use<T>(signal: AbortSignal, work: (session: Hypervisor) => Promise<T>): Promise<T> {
    return this.#parts.lane.use(PATIENCE_MS, signal, work);
  }
}

async function checkFolder(path: string): Promise<Finding | undefined> {
  const found = await stat(path);
  if (!found.isDirectory()) return { level: "warn", text: `SyncDir = "${path}": is no directory` };
  await access(path, constants.W_OK);
  return undefined;
}

function asFinding(error: unknown): Finding {
  return { level: "warn", text: messageOf(error) };
}
