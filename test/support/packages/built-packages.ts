import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../lab/run.ts";
import { repositoryFile } from "../repository.ts";

/** It compiles, fetches and compresses; other tests may use the processors meanwhile. */
const BUILD_LIMIT_MS = 600_000;

/** Packages as `npm run package` makes them, as paths. */
export interface BuiltPackages {
  readonly folder: string;
  readonly hostDeb: string;
  readonly hostRpm: string;
  readonly guestDeb: string;
  readonly guestRpm: string;
}

/** Makes all packages in a new folder, which the caller removes. */
export async function buildPackages(): Promise<BuiltPackages> {
  const folder = await mkdtemp(join(tmpdir(), "vkp-"));
  await run(repositoryFile("scripts/package"), ["--fast", "--output", folder], BUILD_LIMIT_MS);
  const names = await readdir(folder);
  const find = (pattern: RegExp): string => {
    const name = names.find((one) => pattern.test(one));
    if (name === undefined) throw new Error(`no package ${pattern} among ${names.join(", ")}`);
    return join(folder, name);
  };
  return {
    folder,
    hostDeb: find(/^vcskvmguestd_.*_amd64\.deb$/),
    hostRpm: find(/^vcskvmguestd-.*\.x86_64\.rpm$/),
    guestDeb: find(/^vcs-net-reconfig_.*_all\.deb$/),
    guestRpm: find(/^vcs-net-reconfig-.*\.noarch\.rpm$/),
  };
}

/** Makes the same package of a later version, which brings another configuration file, and returns its path. */
export async function laterVersion(deb: string, version: string): Promise<string> {
  const tree = `${deb}.tree`;
  await run("dpkg-deb", ["--raw-extract", deb, tree]);
  await edit(join(tree, "DEBIAN/control"), (text) => text.replace(/^Version: .*$/m, `Version: ${version}`));
  await edit(join(tree, "opt/vcs-kvmguest/package.json"), (text) =>
    text.replace(/"version": "[^"]*"/, `"version": "${version}"`),
  );
  await edit(join(tree, "etc/vcskvmguestd/config.yaml"), (text) => `${text}# a later version\n`);
  const later = `${deb}.later.deb`;
  await run("dpkg-deb", ["-Znone", "--root-owner-group", "--build", tree, later]);
  await rm(tree, { recursive: true });
  return later;
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, "utf8")));
}

/** A file of a package: `-rwxr-xr-x 1234 /usr/sbin/name`, sorted. Folders are left out, and the size of links. */
export async function filesOfDeb(deb: string): Promise<string[]> {
  const { stdout } = await run("dpkg-deb", ["--contents", deb]);
  return described(
    stdout.split("\n").map((line) => {
      const [mode = "", , size = "", , , path = ""] = line.split(/\s+/);
      return { mode, size, path: path.replace(/^\./, "") };
    }),
  );
}

/** The same of an rpm. */
export async function filesOfRpm(rpm: string): Promise<string[]> {
  const format = "[%{FILEMODES:perms} %{FILESIZES} %{FILENAMES}\n]";
  const { stdout } = await run("rpm", ["--query", "--package", "--queryformat", format, rpm]);
  return described(
    stdout.split("\n").map((line) => {
      const [mode = "", size = "", path = ""] = line.split(" ");
      return { mode, size, path };
    }),
  );
}

interface PackagedFile {
  readonly mode: string;
  readonly size: string;
  readonly path: string;
}

function described(files: readonly PackagedFile[]): string[] {
  return files
    .filter(({ mode }) => !mode.startsWith("d"))
    .map(({ mode, size, path }) => `${mode} ${mode.startsWith("l") ? "" : size} ${path}`)
    .toSorted();
}
