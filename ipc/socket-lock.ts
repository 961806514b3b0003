import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { IpcError } from "./ipc-error.ts";

/** A lock that ends with this process, however it ends. */
export interface SocketLock {
  release(): Promise<void>;
}

/** Exit code of flock(1) when somebody else holds the lock. Source: flock(1), option -n. */
const FLOCK_BUSY = 1;

/**
 * Takes the exclusive lock on a file, made if missing (0600) and never removed: a removed lock file would
 * let two processes lock two files of one name.
 *
 * Node has no flock(2). The child locks the descriptor it inherits; the lock belongs to the open file, so
 * it stays after the child for as long as our descriptor, which no other child inherits (O_CLOEXEC).
 *
 * @throws {IpcError} SOCKET_IN_USE when another process holds it, LOCK_FAILED
 */
export async function lockSocket(lockPath: string): Promise<SocketLock> {
  const file = await openLockFile(lockPath);
  try {
    await flock(file, lockPath);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { release: () => file.close() };
}

async function openLockFile(lockPath: string): Promise<FileHandle> {
  try {
    return await open(lockPath, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new IpcError("LOCK_FAILED", `cannot open the lock file ${lockPath}`, { cause: error });
  }
}

async function flock(file: FileHandle, lockPath: string): Promise<void> {
  const child = spawn("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", file.fd] });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", (error) => {
      reject(new IpcError("LOCK_FAILED", "cannot run flock(1): install util-linux", { cause: error }));
    });
  });
  if (exitCode === 0) return;
  if (exitCode === FLOCK_BUSY) {
    throw new IpcError("SOCKET_IN_USE", `another process holds ${lockPath}: stop it first`);
  }
  throw new IpcError("LOCK_FAILED", `flock(1) failed on ${lockPath} (exit code ${String(exitCode)})`);
}
