import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodePacket,
  PACKET_STATUS,
  PACKET_TYPE,
  type Packet,
  PacketReader,
  PROGRAM,
} from "../../src/libvirt/packet.ts";
import { XdrReader, XdrWriter } from "../../src/libvirt/xdr.ts";

/** One call as it arrived. */
export type ReceivedCall = Packet & { client: FakeClient; args: XdrReader };

type Write = (writer: XdrWriter) => void;

/** What to do with a call; without one a procedure is answered with an empty reply. */
export type Handler = (call: ReceivedCall) => void;

/** One connection as the daemon sees it. */
export class FakeClient {
  readonly socket: Socket;
  readonly received: Packet[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
  }

  reply({ header }: Packet, write: Write = () => undefined): void {
    this.send({ ...header, type: PACKET_TYPE.REPLY, status: PACKET_STATUS.OK }, write);
  }

  /** Refuses a call as libvirtd does. */
  refuse({ header }: Packet, code: number, message: string, domain = 10): void {
    this.send({ ...header, type: PACKET_TYPE.REPLY, status: PACKET_STATUS.ERROR }, (writer) =>
      writeError(writer, code, message, domain),
    );
  }

  /** Sends a message of the main program, as events are. */
  message(procedure: number, write: Write, program: number = PROGRAM.REMOTE): void {
    const header = { program, version: 1, procedure, serial: 1, type: PACKET_TYPE.MESSAGE, status: 0 };
    this.send(header, write);
  }

  send(header: Packet["header"], write: Write): void {
    const writer = new XdrWriter();
    write(writer);
    this.socket.write(encodePacket(header, writer.bytes()));
  }
}

/** Writes an error reply's body; the parts that libvirtd leaves out are left out. */
export function writeError(writer: XdrWriter, code: number, message: string, domain: number): void {
  writer.int(code);
  writer.int(domain);
  writer.optionalString(message);
  writer.int(2);
  writer.bool(false);
  writer.optionalString("template: %s");
  writer.optionalString(message);
  writer.optionalString(null);
  writer.int(-1);
  writer.int(7);
  writer.bool(false);
}

/** Writes a domain with the given parts. */
export function writeNamedDomain(writer: XdrWriter, name: string, uuid: string, id: number): void {
  writer.string(name);
  writer.uuid(uuid);
  writer.int(id);
}

/** A daemon on a real socket that speaks the packets and knows nothing: tests say what it answers. */
export class FakeLibvirtd {
  readonly folder: string;
  readonly socketPath: string;
  readonly clients: FakeClient[] = [];
  readonly #server: Server;
  readonly #handlers = new Map<string, Handler>();

  constructor(folder: string, server: Server) {
    this.folder = folder;
    this.socketPath = join(folder, "sock");
    this.#server = server;
    server.on("connection", (socket) => this.#serve(socket));
    this.on(66, (call) =>
      call.client.reply(call, (writer) => writer.array([0], 20, (to, type) => to.int(type))),
    );
    this.on(60, (call) => call.client.reply(call, (writer) => writer.int(1)));
  }

  /** Sets what is done with calls of a procedure, by default of the main program. */
  on(procedure: number, handler: Handler, program: number = PROGRAM.REMOTE): void {
    this.#handlers.set(`${program}/${procedure}`, handler);
  }

  /** The newest connection. */
  get client(): FakeClient {
    const client = this.clients.at(-1);
    if (client === undefined) throw new Error("nobody has connected");
    return client;
  }

  async stop(): Promise<void> {
    for (const { socket } of this.clients) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.folder, { recursive: true });
  }

  #serve(socket: Socket): void {
    const client = new FakeClient(socket);
    const packets = new PacketReader();
    this.clients.push(client);
    socket.on("error", () => undefined); // a client that goes away in mid-answer
    socket.on("data", (chunk: Buffer) => {
      for (const packet of packets.push(chunk)) this.#take(client, packet);
    });
  }

  #take(client: FakeClient, packet: Packet): void {
    client.received.push(packet);
    if (packet.header.type !== PACKET_TYPE.CALL) return;
    const call = { ...packet, client, args: new XdrReader(packet.body) };
    const handler = this.#handlers.get(`${packet.header.program}/${packet.header.procedure}`);
    if (handler === undefined) client.reply(call);
    else handler(call);
  }
}

/** Starts a fake daemon that lets everybody in; stop it at the end of the test. */
export async function startFakeLibvirtd(): Promise<FakeLibvirtd> {
  const folder = await mkdtemp(join(tmpdir(), "fake-lv-"));
  const server = createServer();
  const daemon = new FakeLibvirtd(folder, server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(daemon.socketPath, resolve);
  });
  return daemon;
}
