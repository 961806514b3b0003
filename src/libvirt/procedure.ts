import { PROGRAM } from "./packet.ts";
import type { XdrReader, XdrWriter } from "./xdr.ts";

/** Writes a call's arguments. */
export type Encode<Args> = (writer: XdrWriter, args: Args) => void;

/** Reads a reply's body. */
export type Decode<Result> = (reader: XdrReader) => Result;

/**
 * One remote procedure. libvirtd serves `high` ones with workers of their own, so that they answer when all
 * ordinary workers wait for hung guests.
 */
export type Procedure<Args, Result> = {
  /** as in the .x file, without prefix, in lower case: for errors */
  name: string;
  program: number;
  number: number;
  priority: "high" | "low";
  encode: Encode<Args>;
  decode: Decode<Result>;
};

/** A row of the main program's table. Source of number and priority: remote_protocol.x, remote_procedure. */
export function remote<Args, Result>(
  number: number,
  name: string,
  priority: "high" | "low",
  encode: Encode<Args>,
  decode: Decode<Result>,
): Procedure<Args, Result> {
  return { program: PROGRAM.REMOTE, number, name, priority, encode, decode };
}

/** A row of the QEMU program's table. Source of number and priority: qemu_protocol.x, qemu_procedure. */
export function qemu<Args, Result>(
  number: number,
  name: string,
  encode: Encode<Args>,
  decode: Decode<Result>,
): Procedure<Args, Result> {
  return { program: PROGRAM.QEMU, number, name, priority: "low", encode, decode };
}

/** No arguments, or an empty reply. */
export const nothing = (): void => undefined;

/** An int that stands for a truth value. */
export const readTruth: Decode<boolean> = (reader) => reader.int() !== 0;

export const readString: Decode<string> = (reader) => reader.string();
