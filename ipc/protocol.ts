import type { EntryPointKind, EntryPointName } from "./entry-point-names.ts";
import { IpcError } from "./ipc-error.ts";

/** A value that JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** One run of a shim, as the handler gets it. */
export type EntryPointRequest = {
  /** The shim's arguments, as the framework passed them. May hold a password: never log them. */
  readonly args: readonly string[];
  /** Aborted with an IpcError, CLIENT_GONE or STOPPING, when the answer is no longer wanted. */
  readonly signal: AbortSignal;
  /** An operator asks, not the engine: what it is answered tells the engine nothing. */
  readonly isByHand?: true;
} & (
  | { readonly kind: "entry-point"; readonly name: EntryPointName }
  | { readonly kind: "action"; readonly name: string }
);

/** What the shim exits with, and what it prints (an action only). */
export interface EntryPointReply {
  readonly exitCode: number;
  readonly output: string;
}

/** Answers one request. One that throws costs this request only (HTTP 500). */
export type RequestHandler = (request: EntryPointRequest) => Promise<EntryPointReply>;

/** Bounds of the server; a request over one of them is refused with a line that says so. */
export interface Limits {
  readonly bodyBytes: number;
  /** POST requests that run at the same time. */
  readonly requestsAtOnce: number;
  /** Milliseconds for reading a whole request, head and body. */
  readonly readRequestMs: number;
  readonly connections: number;
  /** Readers of /v1/events at the same time. */
  readonly eventReaders: number;
  /** Bytes that wait for one reader of /v1/events before it is cut. */
  readonly eventBufferBytes: number;
}

export const DEFAULT_LIMITS: Limits = {
  bodyBytes: 1_048_576,
  requestsAtOnce: 128,
  readRequestMs: 5_000,
  connections: 256,
  eventReaders: 16,
  eventBufferBytes: 262_144,
};

/** Bytes of an action's output that the framework shows. Source: VCS keeps at most 2048 with the end. */
const OUTPUT_LIMIT_BYTES = 2047;

/** Request header with the shim's process id, so that the server notices a shim that was killed. */
export const SHIM_PID_HEADER = "shim-pid";

/** Request header that tells an operator's request from the engine's: its value is 1. */
export const BY_HAND_HEADER = "by-hand";

/** The row of the framework's table that a request belongs to. */
export function kindOf(request: EntryPointRequest): EntryPointKind {
  return request.kind === "action" ? "action" : request.name;
}

/**
 * Reads a request's body: each argument ended by one NUL byte, no arguments = no bytes.
 *
 * Bytes that are no UTF-8 are refused, not replaced: a name with replaced bytes could be another guest's.
 *
 * @throws {IpcError} BAD_REQUEST
 */
export function decodeArguments(body: Uint8Array): string[] {
  if (body.length === 0) return [];
  if (body[body.length - 1] !== 0) {
    throw new IpcError("BAD_REQUEST", "the last argument is not ended by a NUL byte: the request is cut off");
  }
  return decodeUtf8(body.subarray(0, -1)).split("\0");
}

/** The body of a request: what decodeArguments reads. No argument may hold a NUL. */
export function encodeArguments(args: readonly string[]): string {
  return args.map((arg) => `${arg}\0`).join("");
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new IpcError("BAD_REQUEST", "an argument is not UTF-8: write the attribute's value in UTF-8", {
      cause: error,
    });
  }
}

/**
 * Writes a reply's body: the exit code in decimal, a line feed, the output.
 *
 * The output loses its NUL bytes (no shell can hold them) and what is over the limit.
 */
export function encodeReply({ exitCode, output }: EntryPointReply): Buffer {
  return Buffer.concat([Buffer.from(`${exitCode}\n`), cutAtCharacter(output.replaceAll("\0", ""))]);
}

/** Reads a reply's body; undefined when it is cut off or no reply. */
export function parseReply(body: string): EntryPointReply | undefined {
  const [, code, output] = /^(\d{1,3})\n(.*)$/s.exec(body) ?? [];
  return code === undefined || output === undefined ? undefined : { exitCode: Number(code), output };
}

function cutAtCharacter(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  if (bytes.length <= OUTPUT_LIMIT_BYTES) return bytes;
  let end = OUTPUT_LIMIT_BYTES;
  while (isContinuation(bytes[end])) end -= 1;
  return bytes.subarray(0, end);
}

/** True in the middle of a UTF-8 character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
