import { type Attributes, parseAttributes } from "../../../src/attributes.ts";

/** Attributes of a guest with the type's defaults, changed where a test says so. */
export function attributesOfGuest(guestName: string, changes: Partial<Attributes> = {}): Attributes {
  return { ...parseAttributes("test", new Map([["GuestName", [guestName]]])), ...changes };
}

/** The arguments that the framework passes for one resource: attributes by name, AEPTimeout at the end. */
export function requestArguments(
  resource: string,
  attributes: Readonly<Record<string, string | number | readonly string[]>>,
  { timeoutS, reason }: { timeoutS?: number; reason?: number } = {},
): string[] {
  const tuples = Object.entries(attributes).flatMap(([name, value]) => {
    const values = typeof value === "object" ? value : [String(value)];
    return [name, String(values.length), ...values];
  });
  return [
    resource,
    ...(reason === undefined ? [] : [String(reason)]),
    ...tuples,
    ...(timeoutS === undefined ? [] : ["AEPTimeout", "1", String(timeoutS)]),
  ];
}
