import type { Controls } from "../../../ipc/controls.ts";
import { IpcError } from "../../../ipc/ipc-error.ts";
import type { EntryPointRequest, JsonValue } from "../../../ipc/protocol.ts";

/** Controls that remember what was asked. */
export class FakeControls implements Controls {
  level = "info";
  readonly dryRuns: EntryPointRequest[] = [];

  logLevel(): string {
    return this.level;
  }

  setLogLevel(level: string): void {
    if (level === "loud") throw new IpcError("BAD_REQUEST", "there is no such log level");
    this.level = level;
  }

  dryRun(request: EntryPointRequest): Promise<JsonValue> {
    this.dryRuns.push(request);
    return Promise.resolve({ steps: ["nothing"] });
  }
}
