import { execFile } from "node:child_process";
import {
  access,
  chmod,
  constants,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { AgentError, messageOf } from "../agent-error.ts";
import { throwIfAborted } from "../deadline.ts";
import { syncFolder, writeAside } from "../durable-file.ts";
import { PAYLOAD_VOLUME, type PayloadFile } from "../payload-file.ts";

const run = promisify(execFile);

/** Programs that write ISO 9660 images, with the same arguments. Source: genisoimage(1), xorrisofs(1). */
const PROGRAMS = ["genisoimage", "xorrisofs", "mkisofs"] as const;

/** Some hundred KiB are written. */
const WRITE_MS = 20_000;

/** What a host lacks that is to give guests their network settings. */
export const NO_IMAGE_PROGRAM =
  "no program is there that writes CD-ROM images, which DROpts needs: install genisoimage or xorriso";

/** The path of the program; undefined where none is installed. */
export async function findImageProgram(): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder.startsWith("/"));
  for (const program of PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return program;
  }
  return undefined;
}

/**
 * Writes an ISO 9660 image with one file; a running guest that has the old one in its drive keeps it. Emulators, which
 * run as a user of their own, can read it.
 *
 * @throws {AgentError} REFUSED, TIMED_OUT: the old image is as it was
 */
export async function writePayloadImage(path: string, file: PayloadFile, signal: AbortSignal): Promise<void> {
  const program = await findImageProgram();
  if (program === undefined) throw new AgentError("REFUSED", NO_IMAGE_PROGRAM);
  const workshop = await mkdtemp(join(tmpdir(), "vcskvmguestd-payload-"));
  try {
    const [content, image] = [join(workshop, "content"), join(workshop, "image.iso")];
    await mkdir(content);
    await writeFile(join(content, file.name), file.content);
    const words = ["-quiet", "-R", "-J", "-V", PAYLOAD_VOLUME, "-o", image, content];
    await run(program, words, { timeout: WRITE_MS, killSignal: "SIGKILL", signal });
    await putInPlace(path, await readFile(image), signal);
  } catch (error) {
    throwIfAborted(signal);
    throw new AgentError("REFUSED", `CD-ROM image ${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** Emulators have to find the way: names above stay hidden, files there have rights of their own. */
async function putInPlace(path: string, image: Uint8Array, signal: AbortSignal): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
  const above = dirname(folder);
  await chmod(above, ((await stat(above)).mode & 0o777) | 0o011);
  const temporary = await writeAside(path, image);
  try {
    throwIfAborted(signal);
    await chmod(temporary, 0o644);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}
