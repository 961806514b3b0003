import { chmod, copyFile, mkdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { repositoryFile } from "../repository.ts";
import type { HaresReply } from "./hares-commands.ts";

/** A way for `hares` to fail. `commands` limits it, as `["-probe"]`. */
export type HaresFault =
  | { readonly kind: "hang"; readonly commands?: readonly string[] }
  | {
      readonly kind: "error";
      readonly commands?: readonly string[];
      readonly exitCode?: number;
      readonly stderr?: string;
    };

/** The commands that the stand-in has: one executable under each name. */
const PROGRAMS = ["hares", "hagrp", "hasys", "haclus"];

/** Answers the executables `hares`, `hagrp`, `hasys` and `haclus` that it puts into a folder. */
export class HaresServer {
  readonly #run: (program: string, argv: readonly string[]) => Promise<HaresReply>;
  readonly #onCall: (argv: readonly string[]) => void;
  readonly #server: Server;
  readonly #hanging = new Set<ServerResponse>();
  #fault: HaresFault | undefined;

  /** @param onCall told of every call as it arrives, of those that a fault keeps from being answered too */
  constructor(
    run: (program: string, argv: readonly string[]) => Promise<HaresReply>,
    onCall: (argv: readonly string[]) => void,
  ) {
    this.#run = run;
    this.#onCall = onCall;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  get fault(): HaresFault | undefined {
    return this.#fault;
  }

  /** Makes the following calls fail, or ends that; calls that hang meanwhile lose their connection then. */
  set fault(fault: HaresFault | undefined) {
    this.#fault = fault;
    for (const response of this.#hanging) response.destroy();
    this.#hanging.clear();
  }

  /** Puts the executables and their socket into the folder, and listens. */
  async start(binDirectory: string): Promise<void> {
    await mkdir(binDirectory, { recursive: true });
    for (const program of PROGRAMS) {
      await copyFile(repositoryFile("test/support/engine/hares"), join(binDirectory, program));
      await chmod(join(binDirectory, program), 0o755);
    }
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(join(binDirectory, "hares.sock"), resolve);
    });
  }

  async stop(): Promise<void> {
    this.fault = undefined;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const argv = await argumentsIn(request);
    this.#onCall(argv);
    const fault = this.#fault;
    if (fault !== undefined && (fault.commands?.includes(argv[0] ?? "") ?? true)) {
      if (fault.kind === "hang") {
        this.#hanging.add(response);
        return;
      }
      const stderr = fault.stderr ?? "VCS ERROR V-16-1-10600 Cannot connect to VCS engine\n";
      response.end(replyText({ exitCode: fault.exitCode ?? 1, stdout: "", stderr }));
      return;
    }
    response.end(replyText(await this.#run(request.url?.slice(1) ?? "", argv)));
  }
}

async function argumentsIn(request: IncomingMessage): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) {
    if (chunk instanceof Uint8Array) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8").split("\0").slice(0, -1);
}

function replyText({ exitCode, stdout, stderr }: HaresReply): string {
  return stderr === "" ? `${exitCode} stdout\n${stdout}` : `${exitCode} stderr\n${stderr}`;
}
