import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AgentError, messageOf } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { throwIfAborted, withDeadline } from "../deadline.ts";
import { isNoDomain, LibvirtError } from "../libvirt/errors.ts";
import { XML } from "../libvirt/flags.ts";
import type { Log } from "../log.ts";
import type { Finding, Prepared } from "../platform.ts";
import { type Definition, readDefinition, withUuid } from "./definition.ts";
import { agentErrorOf } from "./errors.ts";
import type { GuestMemories } from "./guest-memory.ts";
import type { DomainRef, Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import type { KvmSettings } from "./settings.ts";
import type { SharedStorage } from "./shared-storage.ts";
import { copyPath } from "./sync-folder.ts";

/** Waiting for a session or for room on it. */
const PATIENCE_MS = 5000;

/** Storage that takes longer to give a file of some KiB hangs, and the guest is not kept waiting for it. */
const READ_MS = 5000;

export interface PreparerParts {
  readonly lane: Lane;
  readonly storage: SharedStorage;
  readonly memories: GuestMemories;
  readonly settings: () => KvmSettings;
  readonly log: Log;
}

/** A file that a guest is to be defined from. */
interface Source {
  readonly path: string;
  /** GuestConfigFilePath is the administrator's own, a link in SyncDir may be anybody's. */
  readonly links: "followed" | "refused";
  readonly resyncs: boolean;
}

/** Brings definitions in place, keeps libvirt's autostart away, and checks what a resource needs. */
export class Preparer {
  readonly #parts: PreparerParts;

  constructor(parts: PreparerParts) {
    this.#parts = parts;
  }

  /** See Platform.prepare. A file that cannot be used is no failure while libvirt has a definition. */
  async prepare(attributes: Attributes, signal: AbortSignal): Promise<Prepared> {
    const { guestName: guest } = attributes;
    const known = await this.#lookup(guest, signal);
    const failures: unknown[] = [];
    for (const source of this.#sourcesOf(attributes)) {
      try {
        await this.#define(guest, source, known, signal);
        return { resynced: source.resyncs };
      } catch (error) {
        throwIfAborted(signal);
        failures.push(error);
        const fields = { guest, path: source.path, err: error };
        if (known === undefined) continue;
        this.#parts.log.warn(fields, "guest configuration file is not used, the existing definition is");
        break;
      }
    }
    if (known !== undefined) return { resynced: false };
    if (failures.length > 0) throw failures[0];
    throw new AgentError(
      "GUEST_NOT_FOUND",
      `guest ${guest} is not defined on this host and GuestConfigFilePath is not set: define it, or set the path`,
    );
  }

  /** In the order in which they are tried; the next one only where libvirt has no definition to fall back on. */
  #sourcesOf({ guestName: guest, guestConfigFilePath, syncDir, resyncVmCfg }: Attributes): readonly Source[] {
    const sources: Source[] = [];
    if (resyncVmCfg && syncDir !== undefined)
      sources.push({ path: copyPath(syncDir, guest), links: "refused", resyncs: true });
    if (resyncVmCfg && syncDir === undefined)
      this.#parts.log.warn({ guest }, "ResyncVMCfg is set without SyncDir, there is nothing to take over");
    if (guestConfigFilePath !== undefined)
      sources.push({ path: guestConfigFilePath, links: "followed", resyncs: false });
    return sources;
  }

  /** See Platform.claim. */
  async claim(guest: string, signal: AbortSignal): Promise<void> {
    const { log, settings } = this.#parts;
    try {
      const isSet = await this.#use(signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        return session.getAutostart(uuid, { signal });
      });
      if (!isSet) return;
    } catch (error) {
      if (!isNoDomain(error)) log.debug({ guest, err: error }, "autostart could not be checked");
      return;
    }
    if (settings().autostart === "clear") await this.#clearAutostart(guest, signal);
    else log.warn({ guest }, "autostart is set, after a power cut both hosts will boot the guest");
  }

  /** A failure is worth a warning: the guest may be started all the same. */
  async #clearAutostart(guest: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    try {
      const wasSet = await this.#use(signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        if (!(await session.getAutostart(uuid, { signal }))) return false;
        await session.setAutostart(uuid, false, { signal });
        // libvirt 9.0 answers as if all were well when it could not delete its link
        if (!(await session.getAutostart(uuid, { signal }))) return true;
        throw new AgentError(
          "REFUSED",
          `clearing the autostart of guest ${guest}: libvirt says done, and it is still set`,
        );
      });
      if (wasSet)
        log.warn({ guest }, "autostart cleared, after a power cut both hosts would have booted the guest");
    } catch (error) {
      log.warn(
        { guest, err: error },
        "autostart cannot be cleared, after a power cut both hosts may boot the guest",
      );
    }
  }

  /** See Platform.validate. */
  async validate(attributes: Attributes, signal: AbortSignal): Promise<readonly Finding[]> {
    const { guestName: guest, guestConfigFilePath: path, syncDir } = attributes;
    const checks = [this.#checkGuest(guest, path, signal)];
    if (syncDir !== undefined) checks.push(this.#read(syncDir, syncDir, () => checkFolder(syncDir), signal));
    const found = await Promise.all(checks.map((check) => check.catch(asFinding)));
    return found.filter((finding) => finding !== undefined);
  }

  async #checkGuest(
    guest: string,
    path: string | undefined,
    signal: AbortSignal,
  ): Promise<Finding | undefined> {
    const known = await this.#lookup(guest, signal);
    if (path !== undefined) await this.#readDefinition(guest, { path, links: "followed" }, signal);
    if (known !== undefined || path !== undefined) return undefined;
    return {
      level: "warn",
      text: `guest ${guest} is not defined on this host and GuestConfigFilePath is not set`,
    };
  }

  async #define(
    guest: string,
    source: Source,
    known: DomainRef | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { path } = source;
    const definition = await this.#readDefinition(guest, source, signal);
    const xml = known === undefined ? definition.xml : await withUuid(definition, known.uuid, path, guest);
    const losesPassword =
      known !== undefined && !hasPassword(xml) && (await this.#hasPassword(known, signal));
    try {
      await this.#use(signal, async (session) => {
        const { uuid } = await session.defineXml(xml, 0, { signal });
        this.#parts.memories.of(guest).uuid = uuid;
      });
    } catch (error) {
      throw withoutExcerpt(error, `defining guest ${guest} from ${path}`);
    }
    this.#parts.log.info({ guest, path }, "guest defined");
    if (known === undefined && definition.uuid === undefined)
      this.#parts.log.warn(
        { guest, path },
        "guest configuration file holds no UUID, other hosts take the guest for another one",
      );
    if (losesPassword)
      this.#parts.log.warn(
        { guest, path },
        "display of the guest has no password any more, the file holds none",
      );
    // whatever is configured for the definitions of others
    await this.#clearAutostart(guest, signal);
  }

  /** Whether the definition that libvirt has gives the guest's display a password. Worth a warning, not a failure. */
  async #hasPassword({ uuid, name }: DomainRef, signal: AbortSignal): Promise<boolean> {
    try {
      const xml = await this.#use(signal, (session) =>
        session.getXml(uuid, XML.INACTIVE | XML.SECURE, { signal }),
      );
      return hasPassword(xml);
    } catch (error) {
      this.#parts.log.debug({ guest: name, err: error }, "definition before cannot be compared");
      return false;
    }
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

  #readDefinition(
    guest: string,
    { path, links }: Pick<Source, "path" | "links">,
    signal: AbortSignal,
  ): Promise<Definition> {
    return this.#read(path, dirname(path), () => readDefinition(path, guest, links), signal);
  }

  #read<T>(path: string, folder: string, look: () => Promise<T>, signal: AbortSignal): Promise<T> {
    return withDeadline(READ_MS, `reading ${path}`, [signal], (limit) =>
      this.#parts.storage.use(folder, limit, look),
    );
  }

  #use<T>(signal: AbortSignal, work: (session: Hypervisor) => Promise<T>): Promise<T> {
    return this.#parts.lane.use(PATIENCE_MS, signal, work);
  }
}

/** libvirt's complaint of XML quotes the line at fault, which may hold a console's password; its first line does not. */
function withoutExcerpt(error: unknown, doing: string): AgentError {
  if (!(error instanceof LibvirtError) || !error.message.includes("\n")) return agentErrorOf(error, doing);
  return new AgentError("REFUSED", `${doing}: ${error.message.split("\n")[0] ?? ""}`);
}

function hasPassword(xml: string): boolean {
  return /<graphics\s[^>]*passwd=/.test(xml);
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
