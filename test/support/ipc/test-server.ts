import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EntryPointReply, EntryPointRequest } from "../../../ipc/protocol.ts";
import { DEFAULT_LIMITS } from "../../../ipc/protocol.ts";
import { type IpcServer, type ServerOptions, startServer } from "../../../ipc/server.ts";
import { FakeControls } from "./fake-controls.ts";
import { FakeViews } from "./fake-views.ts";
import { RecordingLog } from "./recording-log.ts";

/** A folder under the system's temporary one, with a path short enough for a socket. */
export async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "ipc-"));
}

/** A real server in this process whose handler the test replaces at will. */
export class TestServer {
  readonly folder: string;
  readonly socket: string;
  readonly views = new FakeViews();
  readonly controls = new FakeControls();
  readonly log = new RecordingLog();
  readonly requests: EntryPointRequest[] = [];
  reply: (request: EntryPointRequest) => Promise<EntryPointReply>;
  readonly #end = new AbortController();
  #server: IpcServer | undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.socket = join(folder, "agent.sock");
    this.reply = () => Promise.resolve({ exitCode: 0, output: "" });
  }

  async start(options: Partial<Omit<ServerOptions, "socket" | "log">> = {}): Promise<void> {
    this.#server = await startServer(
      {
        limits: DEFAULT_LIMITS,
        handler: (request) => {
          this.requests.push(request);
          return this.reply(request);
        },
        views: this.views,
        controls: this.controls,
        ...options,
        socket: this.socket,
        log: this.log,
      },
      this.#end.signal,
    );
  }

  async stop(deadlineMs = 0): Promise<void> {
    await this.#server?.stop(deadlineMs);
  }

  /** Ends the server through its signal, as a daemon does that failed to start. */
  abort(): void {
    this.#end.abort();
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A started server in a folder of its own. */
export async function startTestServer(
  options: Partial<Omit<ServerOptions, "socket" | "log">> = {},
): Promise<TestServer> {
  const server = new TestServer(await makeFolder());
  await server.start(options);
  return server;
}

/** A handler's answer that never comes, but for the abort of its request. */
export function untilAborted({ signal }: EntryPointRequest): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted", { cause: signal.reason })), {
      once: true,
    });
  });
}

/** Handlers' answers that wait until the test gives them. */
export class HeldReplies {
  readonly #held: ((reply: EntryPointReply) => void)[] = [];

  readonly reply = (): Promise<EntryPointReply> => new Promise((resolve) => this.#held.push(resolve));

  release(reply: EntryPointReply): void {
    for (const resolve of this.#held.splice(0)) resolve(reply);
  }
}
