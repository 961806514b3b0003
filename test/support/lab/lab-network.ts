import { run } from "./run.ts";

/** The network of all labs; each lab has its own bridge, which reaches nobody else. */
const NETWORK = "10.77.0";

/** One host's place in the network of its lab. */
export interface Port {
  /** From 1; the end of its address and the number of its cable. */
  readonly number: number;
  readonly address: string;
}

/** The port of the nth host, counted from 1, at most 250. */
export function portOf(number: number): Port {
  return { number, address: `${NETWORK}.${number}` };
}

/** The switch and the cables of a lab, in a network namespace of its own. */
export class LabNetwork {
  readonly #switch: number;

  /** @param pid of a process in the namespace that becomes the switch */
  constructor(pid: number) {
    this.#switch = pid;
  }

  /** Makes the switch. */
  async open(): Promise<void> {
    await this.#ip(this.#switch, "link add br0 type bridge forward_delay 0");
    await this.#ip(this.#switch, "link set br0 up");
  }

  /** Gives a host a new cable to the switch: its `eth0`, with the same MAC address each time. */
  async plug({ number, address }: Port, pid: number): Promise<void> {
    const cable = cableOf(number);
    // that of a host which has lost power goes by itself, but later
    await this.#ip(this.#switch, `link del ${cable}`).catch(() => {});
    const mac = `02:00:0a:4d:00:${number.toString(16).padStart(2, "0")}`;
    const peer = `type veth peer name eth0 address ${mac} netns ${pid}`;
    await this.#ip(this.#switch, `link add ${cable} ${peer}`);
    await this.#ip(this.#switch, `link set ${cable} master br0 up`);
    await this.#ip(pid, `addr add ${address}/24 dev eth0`);
    await this.#ip(pid, "link set eth0 up");
  }

  /** Pulls a host's cable: nothing goes in or out, and nobody is told. */
  async cut({ number }: Port): Promise<void> {
    await this.#ip(this.#switch, `link set ${cableOf(number)} down`);
  }

  /** Puts it back. */
  async join({ number }: Port): Promise<void> {
    await this.#ip(this.#switch, `link set ${cableOf(number)} up`);
  }

  /** Runs `ip` in the network namespace of a process, without leaving ours for anything else. */
  async #ip(pid: number, words: string): Promise<void> {
    await run("nsenter", [`--net=/proc/${pid}/ns/net`, "ip", ...words.split(" ")]);
  }
}

function cableOf(number: number): string {
  return `cable${number}`;
}
