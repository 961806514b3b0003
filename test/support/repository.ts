import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));

/** The repository's folder, found from the sources and from the compiled files in dist/ alike. */
const REPOSITORY = HERE.replace(/\/(dist\/)?test\/support\/$/, "");

/** A file of the repository that is not compiled, by its path below the top. */
export function repositoryFile(...path: string[]): string {
  return join(REPOSITORY, ...path);
}
