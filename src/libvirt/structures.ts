import type { ErrorReply } from "./errors.ts";
import type { XdrReader, XdrWriter } from "./xdr.ts";

/** A domain as libvirt names it in replies and events. */
export type Domain = {
  name: string;
  /** canonical: lower case, with dashes */
  uuid: string;
  /** the number of a running domain; -1 when it does not run */
  id: number;
};

/** The value of a typed parameter: 64-bit integers are bigint, all other numbers number. */
export type TypedValue = number | bigint | boolean | string;

/** Parameters that libvirt sent, by field name. */
export type TypedParams = ReadonlyMap<string, TypedValue>;

/** A parameter to send; a field may occur more than once where libvirt takes a list. */
export type TypedParam =
  | { field: string; type: "int" | "uint" | "double"; value: number }
  | { field: string; type: "llong" | "ullong"; value: bigint }
  | { field: string; type: "boolean"; value: boolean }
  | { field: string; type: "string"; value: string };

/** Source: libvirt-common.h, virTypedParameterType. */
export const TYPED_PARAM_TYPE = {
  INT: 1,
  UINT: 2,
  LLONG: 3,
  ULLONG: 4,
  DOUBLE: 5,
  BOOLEAN: 6,
  STRING: 7,
} as const;

/**
 * Writes a domain that is known by its UUID alone. The drivers reached through libvirtd look a domain up by UUID
 * and do not read name and number.
 */
export function writeDomain(writer: XdrWriter, uuid: string): void {
  writer.string("");
  writer.uuid(uuid);
  writer.int(-1);
}

export function readDomain(reader: XdrReader): Domain {
  return { name: reader.string(), uuid: reader.uuid(), id: reader.int() };
}

/** Reads a list of typed parameters; of a field that occurs twice the last value stays. */
export function readTypedParams(reader: XdrReader, max: number): TypedParams {
  return new Map(reader.array(max, readTypedParam));
}

function readTypedParam(reader: XdrReader): readonly [string, TypedValue] {
  return [reader.string(), readTypedValue(reader)];
}

function readTypedValue(reader: XdrReader): TypedValue {
  const type = reader.int();
  switch (type) {
    case TYPED_PARAM_TYPE.INT:
      return reader.int();
    case TYPED_PARAM_TYPE.UINT:
      return reader.uint();
    case TYPED_PARAM_TYPE.LLONG:
      return reader.hyper();
    case TYPED_PARAM_TYPE.ULLONG:
      return reader.uhyper();
    case TYPED_PARAM_TYPE.DOUBLE:
      return reader.double();
    case TYPED_PARAM_TYPE.BOOLEAN:
      return reader.int() !== 0;
    case TYPED_PARAM_TYPE.STRING:
      return reader.string();
    default:
      return reader.fail(`${type} is no type of a typed parameter`);
  }
}

export function writeTypedParams(writer: XdrWriter, params: readonly TypedParam[], max: number): void {
  writer.array(params, max, writeTypedParam);
}

function writeTypedParam(writer: XdrWriter, param: TypedParam): void {
  writer.string(param.field);
  switch (param.type) {
    case "int":
      writer.int(TYPED_PARAM_TYPE.INT);
      return writer.int(param.value);
    case "uint":
      writer.int(TYPED_PARAM_TYPE.UINT);
      return writer.uint(param.value);
    case "llong":
      writer.int(TYPED_PARAM_TYPE.LLONG);
      return writer.hyper(param.value);
    case "ullong":
      writer.int(TYPED_PARAM_TYPE.ULLONG);
      return writer.uhyper(param.value);
    case "double":
      writer.int(TYPED_PARAM_TYPE.DOUBLE);
      return writer.double(param.value);
    case "boolean":
      writer.int(TYPED_PARAM_TYPE.BOOLEAN);
      return writer.int(param.value ? 1 : 0);
    case "string":
      writer.int(TYPED_PARAM_TYPE.STRING);
      return writer.string(param.value);
  }
}

/** Source: virnetprotocol.x, virNetMessageError. */
export function readErrorReply(reader: XdrReader): ErrorReply {
  const code = reader.int();
  const domain = reader.int();
  const message = reader.optionalString();
  const level = reader.int();
  if (reader.bool()) readDomain(reader);
  const strings = {
    str1: reader.optionalString(),
    str2: reader.optionalString(),
    str3: reader.optionalString(),
  };
  const numbers = { int1: reader.int(), int2: reader.int() };
  if (reader.bool()) skipNetwork(reader);
  return { code, domain, level, message: message ?? `libvirt error ${code}`, ...strings, ...numbers };
}

function skipNetwork(reader: XdrReader): void {
  reader.string();
  reader.uuid();
}
