import { CommandError } from "./exit-codes.ts";
import { printable } from "./printable.ts";

/** What has a guest's name and a resource's. */
interface Named {
  readonly guest: string;
  readonly resource: string;
}

/**
 * Those that are named, by guest or by resource; all where no name is given.
 *
 * @throws {CommandError} notFound for a name that nothing has
 */
export function withNames<T extends Named>(all: readonly T[], names: readonly string[]): readonly T[] {
  const stranger = names.find((name) => !all.some((one) => isNamed(one, name)));
  if (stranger !== undefined)
    throw new CommandError(
      "notFound",
      `no guest and no resource here is named "${printable(stranger)}": kvmguestctl status lists them`,
    );
  return names.length === 0 ? all : all.filter((one) => names.some((name) => isNamed(one, name)));
}

function isNamed({ guest, resource }: Named, name: string): boolean {
  return guest === name || resource === name;
}
