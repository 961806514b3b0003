import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A Unix socket before another one, which counts and can fail. */
export class Proxy {
  readonly path: string;
  /** Connections that were made so far. */
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** Decides about each piece of bytes that a client sends; false ends the connection instead. */
  onData: ((bytes: Buffer) => boolean) | undefined;

  constructor(path: string, target: string) {
    this.path = path;
    this.#server = createServer((client) => {
      this.connections += 1;
      this.#join(client, connect(target));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
    return this;
  }

  /** Ends all connections that are open now; new ones are welcome. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await rm(this.path, { force: true });
  }

  #join(client: Socket, server: Socket): void {
    const end = () => {
      client.destroy();
      server.destroy();
      this.#open.delete(client);
    };
    this.#open.add(client);
    for (const socket of [client, server]) {
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (bytes: Buffer) => {
      if (this.onData === undefined || this.onData(bytes)) server.write(bytes);
      else end();
    });
    server.pipe(client);
  }
}
