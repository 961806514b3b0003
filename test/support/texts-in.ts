/** All texts that can be reached from a value: own members of any kind, names, causes, stacks. */
export function textsIn(value: unknown, seen = new Set<object>()): string[] {
  if (typeof value === "string") return [value];
  if (Buffer.isBuffer(value)) return [value.toString("latin1")];
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value))
    return [];
  seen.add(value);
  return Reflect.ownKeys(value).flatMap((key) => {
    const member: unknown = Object.getOwnPropertyDescriptor(value, key)?.value;
    return [String(key), ...textsIn(member, seen)];
  });
}
