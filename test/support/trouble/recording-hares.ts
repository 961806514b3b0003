import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A command `hares` that notes its arguments and does as told. */
export interface RecordingHares {
  readonly command: string;
  /** The arguments of each call so far, joined by blanks. */
  calls(): Promise<readonly string[]>;
  /** What follows the note, in sh; default: success without a word. */
  behave(script: string): Promise<void>;
}

/** Puts the command into a folder; it can be taken away and put back by its path. */
export async function recordingHares(folder: string): Promise<RecordingHares> {
  const command = join(folder, "recording-hares");
  const notes = join(folder, "hares-calls");
  const behave = async (script: string) => {
    // moved into place whole: it may be run at any moment
    await writeFile(`${command}.new`, `#!/bin/sh\necho "$*" >>"${notes}"\n${script}\n`);
    await chmod(`${command}.new`, 0o755);
    await rename(`${command}.new`, command);
  };
  await writeFile(notes, "");
  await behave("exit 0");
  return {
    command,
    behave,
    async calls() {
      return (await readFile(notes, "utf8")).split("\n").filter((line) => line !== "");
    },
  };
}
