import { HostAccess, type InspectedHost } from "../../../src/kvm/readiness/host-access.ts";
import { ERROR_CODE } from "../../../src/libvirt/errors.ts";
import { libvirtError } from "./libvirt-error.ts";

/** A domain of a fake host. */
export interface InspectedDomain {
  readonly uuid: string;
  readonly xml?: string;
  readonly id?: number;
  readonly autostart?: boolean;
  /** Targets of disks that cannot be looked at, with libvirt's words. */
  readonly badDisks?: Readonly<Record<string, string>>;
}

/** What a fake libvirtd says; what is left out is as on a plain host. */
export interface InspectedOptions {
  readonly domains?: Readonly<Record<string, InspectedDomain>>;
  readonly hostUuid?: string;
  readonly library?: number;
  readonly emulator?: number;
  readonly hostname?: string;
  readonly machines?: readonly string[];
  /** What compareCpu answers. Source: libvirt-host.h, virCPUCompareResult. */
  readonly cpuResult?: number;
  /** Keeps it from being opened. */
  readonly refusal?: Error;
  /** Calls that never answer. */
  readonly hanging?: readonly string[];
}

/** A libvirtd for checks, and what was asked of it. */
export class FakeInspectedHost implements InspectedHost {
  readonly calls: string[] = [];
  /** How often it was opened. */
  opened = 0;
  isClosed = false;
  readonly #options: InspectedOptions;

  constructor(options: InspectedOptions = {}) {
    this.#options = options;
  }

  get access(): HostAccess {
    return new HostAccess(() => {
      this.opened += 1;
      const { refusal } = this.#options;
      return refusal === undefined ? Promise.resolve(this) : Promise.reject(refusal);
    });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  getVersion(): Promise<number> {
    return this.#answer("getVersion", () => this.#options.emulator ?? 7_002_022);
  }

  getLibVersion(): Promise<number> {
    return this.#answer("getLibVersion", () => this.#options.library ?? 9_000_000);
  }

  getHostname(): Promise<string> {
    return this.#answer("getHostname", () => this.#options.hostname ?? "node2");
  }

  getCapabilities(): Promise<string> {
    const { hostUuid = "11111111-0000-0000-0000-000000000001", machines = ["pc"] } = this.#options;
    const list = machines.map((name) => `<machine>${name}</machine>`).join("");
    return this.#answer(
      "getCapabilities",
      () =>
        `<capabilities><host><uuid>${hostUuid}</uuid><cpu><model>Own</model></cpu></host><guest>${list}</guest></capabilities>`,
    );
  }

  compareCpu(xml: string): Promise<number> {
    return this.#answer(`compareCpu ${xml}`, () => this.#options.cpuResult ?? 1);
  }

  lookupByName(name: string): Promise<{ name: string; uuid: string; id: number }> {
    return this.#answer("lookupByName", () => {
      const { uuid, id = -1 } = this.#domain(name);
      return { name, uuid, id };
    });
  }

  getXml(uuid: string): Promise<string> {
    return this.#answer("getXml", () => this.#of(uuid).xml ?? "<domain/>");
  }

  getAutostart(uuid: string): Promise<boolean> {
    return this.#answer("getAutostart", () => this.#of(uuid).autostart ?? false);
  }

  getBlockInfo(uuid: string, disk: string): Promise<unknown> {
    return this.#answer(`getBlockInfo ${disk}`, () => {
      const words = this.#of(uuid).badDisks?.[disk];
      if (words !== undefined) throw libvirtError("domain_get_block_info", ERROR_CODE.SYSTEM_ERROR, words);
      return undefined;
    });
  }

  #answer<T>(call: string, answer: () => T): Promise<T> {
    this.calls.push(call);
    const [name = ""] = call.split(" ");
    if (this.#options.hanging?.includes(name) === true) return new Promise(() => undefined);
    return Promise.resolve().then(answer);
  }

  #domain(name: string): InspectedDomain {
    const found = this.#options.domains?.[name];
    if (found === undefined)
      throw libvirtError("domain_lookup_by_name", ERROR_CODE.NO_DOMAIN, `no domain ${name}`);
    return found;
  }

  #of(uuid: string): InspectedDomain {
    const found = Object.values(this.#options.domains ?? {}).find((domain) => domain.uuid === uuid);
    if (found === undefined) throw new Error(`no domain ${uuid}`);
    return found;
  }
}

/** A check's rows as `VERDICT: TEXT`. */
export function wordsOf(
  rows: readonly { readonly verdict: string; readonly text: string }[],
): readonly string[] {
  return rows.map(({ verdict, text }) => `${verdict}: ${text}`);
}
