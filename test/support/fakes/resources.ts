import { type Attributes, parseAttributes } from "../../../src/attributes.ts";

/** Attributes of a guest with the type's defaults, changed where a test says so. */
export function attributesOfGuest(guestName: string, changes: Partial<Attributes> = {}): Attributes {
  return { ...parseAttributes("test", new Map([["GuestName", [guestName]]])), ...changes };
}

/** The arguments that the framework passes for one resource: scalars by name, AEPTimeout at the end. */
export function requestArguments(
  resource: string,
  scalars: Readonly<Record<string, string | number>>,
  { timeoutS, reason }: { timeoutS?: number; reason?: number } = {},
): string[] {
  const tuples = Object.entries(scalars).flatMap(([name, value]) => [name, "1", String(value)]);
  return [
    resource,
    ...(reason === undefined ? [] : [String(reason)]),
    ...tuples,
    ...(timeoutS === undefined ? [] : ["AEPTimeout", "1", String(timeoutS)]),
  ];
}
