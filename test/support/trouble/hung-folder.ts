import { spawn } from "node:child_process";
import { once } from "node:events";
import { repositoryFile } from "../repository.ts";

/** A folder whose storage hangs. */
export interface HungFolder {
  /** The folder is as it was before, and what hung in it fails. */
  end(): Promise<void>;
}

/** Lays storage that never answers over a folder, as a dead NFS server does. Needs root and /dev/fuse. */
export async function hangFolder(path: string): Promise<HungFolder> {
  const holder = spawn("perl", [repositoryFile("test/support/trouble/hung-folder.pl"), path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  const said = await Promise.race([once(holder.stdout, "data"), ended]);
  if (!String(said[0]).startsWith("mounted")) throw new Error(`${path} cannot be made to hang`);
  return {
    async end() {
      holder.stdin.end();
      await ended;
    },
  };
}
