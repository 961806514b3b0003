import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "../agent-error.ts";
import type { Attributes } from "../attributes.ts";
import { throwIfAborted } from "../deadline.ts";
import { AFFECT, DEVICE_MODIFY, XML } from "../libvirt/flags.ts";
import type { Log } from "../log.ts";
import type { MigrationEnd, MigrationPlan } from "../migration.ts";
import type { PayloadFile } from "../payload-file.ts";
import type { Finding } from "../platform.ts";
import { agentErrorOf } from "./errors.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Lane } from "./lane.ts";
import {
  freePlaceIn,
  type PayloadDrive,
  payloadDrivesOf,
  payloadDriveXml,
  withMedium,
} from "./payload-drive.ts";
import { findImageProgram, NO_IMAGE_PROGRAM, writePayloadImage } from "./payload-image.ts";
import type { KvmSettings } from "./settings.ts";

/** Waiting for a session or for room on it. */
const PATIENCE_MS = 5000;

/** Putting the medium back, when what it was ejected for has failed. */
const INSERT_MS = 10_000;

export interface PayloadsParts {
  readonly lane: Lane;
  readonly settings: () => Pick<KvmSettings, "payloadDirectory">;
  readonly log: Log;
}

/** Gives guests a CD-ROM with their network settings, and keeps it out of the way of migrations. */
export class Payloads {
  readonly #parts: PayloadsParts;

  constructor(parts: PayloadsParts) {
    this.#parts = parts;
  }

  /** See Platform.setPayload. libvirt itself changes its definition: nothing of it passes through another's hands. */
  async set(guest: string, payload: PayloadFile | undefined, signal: AbortSignal): Promise<void> {
    if (payload === undefined) return this.#removeAny(guest, signal);
    const path = this.#imageOf(guest);
    await writePayloadImage(path, payload, signal);
    try {
      await this.#use(signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        await putDrive(session, uuid, path, signal);
      });
    } catch (error) {
      if (error instanceof AgentError) throw error;
      throw agentErrorOf(error, `giving guest ${guest} a CD-ROM with its network settings`);
    }
    this.#parts.log.info({ guest, path }, "guest gets a CD-ROM with its network settings");
  }

  /** What a host lacks that guests with DROpts need. */
  async validate({ drOpts }: Attributes): Promise<readonly Finding[]> {
    if (!drOpts.configureNetwork || (await findImageProgram()) !== undefined) return [];
    return [{ level: "warn", text: NO_IMAGE_PROGRAM }];
  }

  /**
   * Migrates a guest with an empty drive: the image is of this host alone. A guest that stays gets it back; without it it
   * lacks nothing until its next start, so a migration that may go on is left alone.
   *
   * @throws {AgentError} REFUSED, before the migration is asked for, when the medium cannot be ejected
   */
  async aroundMigration(
    guest: string,
    plan: MigrationPlan,
    signal: AbortSignal,
    migrate: (plan: MigrationPlan) => Promise<MigrationEnd>,
  ): Promise<MigrationEnd> {
    let ejectedFrom: string | undefined;
    const onMoving = async (uuid: string) => {
      const isEjected = await this.#eject(guest, uuid, signal);
      try {
        await plan.onMoving(uuid);
      } catch (error) {
        // nothing is asked for then
        if (isEjected) await this.#insertAgain(guest, uuid);
        throw error;
      }
      if (isEjected) ejectedFrom = uuid;
    };
    const end = await migrate({ ...plan, onMoving });
    if (ejectedFrom !== undefined && end.kind === "stayed") await this.#insertAgain(guest, ejectedFrom);
    return end;
  }

  /** @returns whether there was a medium in a drive of ours */
  async #eject(guest: string, uuid: string, signal: AbortSignal): Promise<boolean> {
    let trouble = "libvirt does not tell whether it has a CD-ROM with network settings";
    try {
      return await this.#use(signal, async (session) => {
        const drives = await payloadDrivesOf(await session.getXml(uuid, 0, { signal }));
        if (drives.length > 0) trouble = "its CD-ROM with the network settings cannot be ejected";
        const loaded = drives.filter(({ source }) => source !== undefined);
        for (const drive of loaded) await this.#empty(session, guest, uuid, drive, signal);
        return loaded.length > 0;
      });
    } catch (error) {
      throw agentErrorOf(error, `guest ${guest} is not migrated: ${trouble}`);
    }
  }

  /** A guest may lock its drive, as a desktop does that mounts what it finds. What is on it was read long ago. */
  async #empty(
    session: Hypervisor,
    guest: string,
    uuid: string,
    drive: PayloadDrive,
    signal: AbortSignal,
  ): Promise<void> {
    const device = withMedium(drive, undefined);
    try {
      await session.updateDevice(uuid, device, DEVICE_MODIFY.LIVE, { signal });
    } catch (error) {
      throwIfAborted(signal);
      this.#parts.log.info({ guest, err: error }, "CD-ROM with network settings is ejected by force");
      await session.updateDevice(uuid, device, DEVICE_MODIFY.LIVE | DEVICE_MODIFY.FORCE, { signal });
    }
  }

  async #insertAgain(guest: string, uuid: string): Promise<void> {
    const signal = AbortSignal.timeout(INSERT_MS);
    try {
      await this.#use(signal, async (session) => {
        const drives = await payloadDrivesOf(await session.getXml(uuid, 0, { signal }));
        for (const drive of drives.filter(({ source }) => source === undefined))
          await session.updateDevice(uuid, withMedium(drive, this.#imageOf(guest)), DEVICE_MODIFY.LIVE, {
            signal,
          });
      });
    } catch (error) {
      this.#parts.log.warn({ guest, err: error }, "CD-ROM could not be put back after the migration failed");
    }
  }

  /** What an earlier value of DROpts left behind. The guest has applied it long ago: it keeps nothing from starting. */
  async #removeAny(guest: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    try {
      const drives = await this.#use(signal, async (session) => {
        const { uuid } = await session.lookupByName(guest, { signal });
        const found = await payloadDrivesOf(await session.getXml(uuid, XML.INACTIVE, { signal }));
        await detach(session, uuid, found, signal);
        return found;
      });
      // a definition that was brought from a file has no drive of ours any more
      await rm(this.#imageOf(guest), { force: true });
      if (drives.length > 0) log.info({ guest }, "CD-ROM with network settings taken from the guest");
    } catch (error) {
      throwIfAborted(signal);
      log.warn({ guest, err: error }, "CD-ROM with network settings cannot be looked for and taken away");
    }
  }

  #imageOf(guest: string): string {
    return join(this.#parts.settings().payloadDirectory, `${guest}.iso`);
  }

  #use<T>(signal: AbortSignal, work: (session: Hypervisor) => Promise<T>): Promise<T> {
    return this.#parts.lane.use(PATIENCE_MS, signal, work);
  }
}

/** Brings exactly one drive of ours into the definition, with this image. */
async function putDrive(session: Hypervisor, uuid: string, path: string, signal: AbortSignal): Promise<void> {
  const xml = await session.getXml(uuid, XML.INACTIVE, { signal });
  const drives = await payloadDrivesOf(xml);
  if (drives.length === 1 && drives[0]?.source === path) return;
  await detach(session, uuid, drives, signal);
  const place = await freePlaceIn(await session.getXml(uuid, XML.INACTIVE, { signal }));
  if (place === undefined)
    throw new AgentError(
      "REFUSED",
      "all places for disks on the guest's IDE or SATA bus are taken: one must be free for the CD-ROM with its network settings",
    );
  await session.attachDevice(uuid, payloadDriveXml(place, path), AFFECT.CONFIG, { signal });
}

async function detach(
  session: Hypervisor,
  uuid: string,
  drives: readonly PayloadDrive[],
  signal: AbortSignal,
): Promise<void> {
  for (const { xml } of drives) await session.detachDevice(uuid, xml, AFFECT.CONFIG, { signal });
}
