import type { IpcLog } from "../../../ipc/ipc-log.ts";

/** Keeps what was logged, so that a test can look for it, or for a secret in it. */
export class RecordingLog implements IpcLog {
  readonly entries: { level: string; message: string; fields: object }[] = [];

  debug(fields: object, message: string): void {
    this.entries.push({ level: "debug", message, fields });
  }

  info(fields: object, message: string): void {
    this.entries.push({ level: "info", message, fields });
  }

  warn(fields: object, message: string): void {
    this.entries.push({ level: "warn", message, fields });
  }

  error(fields: object, message: string): void {
    this.entries.push({ level: "error", message, fields });
  }

  messages(): string[] {
    return this.entries.map((entry) => entry.message);
  }
}
