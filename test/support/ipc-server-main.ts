// A small daemon in a process of its own, for tests that stop or kill one. Says on stdout what happens:
// `listening`, `refused CODE`, `asked NAME`, `aborted CODE`. Arguments: the path of its socket.

import { IpcError } from "../../ipc/ipc-error.ts";
import { DEFAULT_LIMITS, type EntryPointReply, type EntryPointRequest } from "../../ipc/protocol.ts";
import { startServer } from "../../ipc/server.ts";
import { FakeControls } from "./ipc/fake-controls.ts";
import { FakeViews } from "./ipc/fake-views.ts";
import { RecordingLog } from "./ipc/recording-log.ts";

function codeOf(error: unknown): string {
  return error instanceof IpcError ? error.code : String(error);
}

/** What the resource's name asks for. */
function handler({ name, args, signal }: EntryPointRequest): Promise<EntryPointReply> {
  process.stdout.write(`asked ${name}\n`);
  if (args[0] === "die") process.kill(process.pid, "SIGKILL");
  if (args[0] !== "hang") return Promise.resolve({ exitCode: name === "monitor" ? 110 : 0, output: "" });
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      process.stdout.write(`aborted ${codeOf(signal.reason)}\n`);
      resolve({ exitCode: name === "monitor" ? 99 : 0, output: "" });
    });
  });
}

try {
  const end = new AbortController();
  const server = await startServer(
    {
      socket: process.argv[2] ?? "",
      handler,
      views: new FakeViews(),
      controls: new FakeControls(),
      limits: DEFAULT_LIMITS,
      log: new RecordingLog(),
    },
    end.signal,
  );
  process.once("SIGTERM", () => void server.stop(0));
  process.stdout.write("listening\n");
} catch (error) {
  process.stdout.write(`refused ${codeOf(error)}\n`);
}
