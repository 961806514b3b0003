import type { Accelerator, GuestFiles } from "./guest-files.ts";

/** What a guest does without being told; suspend (S3) needs GuestOptions.pm. */
interface GuestAction {
  do: "poweroff" | "reboot" | "panic" | "hang" | "suspend";
  /** Counted from READY. */
  afterS: number;
}

/** One guest; what is left out is as in a plain, well-behaved guest. */
export interface GuestOptions {
  name: string;
  /** From guestFiles(). */
  files: GuestFiles;
  uuid?: string;
  /** `kernel` (default) boots Linux in 2 to 5 s; `sector` runs a boot sector at once, 16 MiB, deaf to everything. */
  kind?: "kernel" | "sector";
  /** The power button: obeyed (default), ignored for ever, or obeyed after that many seconds. */
  powerButton?: "obey" | "ignore" | { delayS: number };
  action?: GuestAction;
  /** Says `TICK n` on the serial log, once a second or so often. */
  tick?: boolean | { everyS: number };
  /** Bears live migrations; an emulated guest may lose what it writes meanwhile without this. */
  migrates?: boolean;
  /** Writes that many MiB of its memory anew every second: slow to migrate. At most 10 with the default memory. */
  dirtyMiB?: number;
  /** Host path of the file that gets all the guest says; its folder must exist. */
  serialLog?: string;
  /** Host path of the socket on which lines can be typed, at most 107 bytes; see typeOnConsole(). */
  consolePath?: string;
  memoryMiB?: number;
  /** Lets libvirt see a panic. Without it a panicked guest is `running` for ever. */
  panicDevice?: boolean;
  onPoweroff?: "destroy" | "restart";
  onReboot?: "restart" | "destroy";
  onCrash?: "destroy" | "restart" | "preserve" | "coredump-destroy";
  /** Allows the guest to suspend to memory. */
  pm?: boolean;
  /** Runs the real qemu-guest-agent; `off`: once the console says agent-start, see scripts/guest-init. */
  agent?: boolean | "off";
  title?: string;
  /** Default: what guestFiles() found. */
  accel?: Accelerator;
  /** For a sector guest: a writable disk of its own to boot from; the guest pauses when the host cannot write it. */
  ownDisk?: string;
  /** Host path of the emulator; default: the machine's QEMU. */
  emulator?: string;
  /** More elements for `<devices>`. */
  devices?: string;
}

const QEMU_NAMESPACE = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'";

/** The domain XML of a guest, for `virsh define` and `virsh create`. The name stands alone on its line. */
export function guestXml(options: GuestOptions): string {
  const { onPoweroff = "destroy", onReboot = "restart", onCrash = "destroy" } = options;
  const accel = options.accel ?? options.files.accel;
  const isOdd = options.migrates === true && accel === "tcg";
  return [
    `<domain type='${accel === "kvm" ? "kvm" : "qemu"}'${isOdd ? ` ${QEMU_NAMESPACE}` : ""}>`,
    `<name>${escape(options.name)}</name>`,
    options.uuid === undefined ? "" : `<uuid>${options.uuid}</uuid>`,
    options.title === undefined ? "" : `<title>${escape(options.title)}</title>`,
    `<memory unit='MiB'>${memoryMiB(options)}</memory>`,
    "<vcpu>1</vcpu>",
    os(options),
    `<features><acpi/><apic/>${accel === "tcg" && isSector(options) ? "<tcg><tb-cache unit='MiB'>8</tb-cache></tcg>" : ""}</features>`,
    "<clock offset='utc'/>",
    `<on_poweroff>${onPoweroff}</on_poweroff>`,
    `<on_reboot>${onReboot}</on_reboot>`,
    `<on_crash>${onCrash}</on_crash>`,
    options.pm === true ? "<pm><suspend-to-mem enabled='yes'/></pm>" : "",
    "<devices>",
    `<emulator>${escape(options.emulator ?? "/usr/bin/qemu-system-x86_64")}</emulator>`,
    ...devices(options),
    "</devices>",
    isOdd ? oddMemory(memoryMiB(options)) : "",
    "</domain>",
    "",
  ]
    .filter((line, at, all) => line !== "" || at === all.length - 1)
    .join("\n");
}

function memoryMiB(options: GuestOptions): number {
  return options.memoryMiB ?? (isSector(options) ? 16 : 96);
}

/**
 * Some memory beside libvirt's, of a size that is no multiple of 256 KiB. In memory of an even size an emulating QEMU
 * before 9.0 does not look anew, after each pass of a migration, which pages the guest writes: it loses some of them.
 *
 * Source: QEMU, commit "physmem: Fix migration dirty bitmap coherency with TCG memory access".
 */
function oddMemory(mib: number): string {
  const kib = mib * 1024 + 8;
  const backend = [
    "-object",
    `memory-backend-ram,id=odd.ram,size=${kib}k`,
    "-machine",
    "memory-backend=odd.ram",
  ];
  const words = [...backend, "-m", `size=${kib}k`];
  return `<qemu:commandline>${words.map((word) => `<qemu:arg value='${word}'/>`).join("")}</qemu:commandline>`;
}

function hasAgent({ agent = false }: GuestOptions): boolean {
  return agent !== false;
}

function isSector(options: GuestOptions): boolean {
  return options.kind === "sector";
}

function os(options: GuestOptions): string {
  const type = "<type arch='x86_64' machine='pc'>hvm</type>";
  if (isSector(options)) return `<os>${type}<boot dev='hd'/></os>`;
  const { kernel, initrd, initrdAgent } = options.files;
  const image = hasAgent(options) ? initrdAgent : initrd;
  return `<os>${type}<kernel>${escape(kernel)}</kernel><initrd>${escape(image)}</initrd><cmdline>${escape(commandLine(options))}</cmdline></os>`;
}

/** The first words make an emulated boot a third shorter; the `vkg.` words are read by scripts/guest-init. */
function commandLine(options: GuestOptions): string {
  const words = [
    "console=ttyS0 quiet panic=0 nokaslr mitigations=off no_timer_check",
    "cryptomgr.notests random.trust_cpu=on audit=0",
    `vkg.name=${options.name}`,
  ];
  const { powerButton = "obey", action } = options;
  if (powerButton === "ignore") words.push("vkg.acpi=ignore");
  if (typeof powerButton === "object") words.push(`vkg.acpi=slow vkg.delay=${powerButton.delayS}`);
  if (action !== undefined) words.push(`vkg.do=${action.do} vkg.after=${action.afterS}`);
  if (options.tick === true) words.push("vkg.tick=1");
  if (typeof options.tick === "object") words.push(`vkg.tick=${options.tick.everyS}`);
  if (options.dirtyMiB !== undefined) words.push(`vkg.dirty=${options.dirtyMiB}`);
  if (options.agent === "off") words.push("vkg.agent=off");
  return words.join(" ");
}

function devices(options: GuestOptions): string[] {
  return [
    isSector(options) ? disk(options) : "",
    serial(options),
    hasAgent(options)
      ? "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
      : "",
    options.panicDevice === true ? "<panic model='isa'/>" : "",
    options.devices ?? "",
    "<controller type='usb' model='none'/>",
    "<memballoon model='none'/>",
  ];
}

function disk({ files, ownDisk }: GuestOptions): string {
  const driver = `name='qemu' type='raw'${ownDisk === undefined ? "" : " error_policy='stop'"}`;
  const readOnly = ownDisk === undefined ? "<readonly/>" : "";
  return `<disk type='file' device='disk'><driver ${driver}/><source file='${escape(ownDisk ?? files.bootSector)}'/><target dev='vda' bus='virtio'/>${readOnly}</disk>`;
}

/** A pty would lose short writes, because QEMU looks at it once a second: a socket, whose traffic libvirt logs. */
function serial({ serialLog, consolePath }: GuestOptions): string {
  if (consolePath !== undefined) {
    const log = serialLog === undefined ? "" : `<log file='${escape(serialLog)}' append='on'/>`;
    return `<serial type='unix'><source mode='bind' path='${escape(consolePath)}'/>${log}<target port='0'/></serial>`;
  }
  if (serialLog === undefined) return "";
  return `<serial type='file'><source path='${escape(serialLog)}' append='on'/><target port='0'/></serial>`;
}

function escape(text: string): string {
  return text.replace(/[&<>'"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
