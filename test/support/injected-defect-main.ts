// Loaded into the daemon by NODE_OPTIONS=--import: a defect that only the resource of this name meets.
Reflect.defineProperty(String.prototype, "trim", {
  configurable: true,
  writable: true,
  value(this: string): string {
    const text = this.trimStart().trimEnd();
    if (text === "defective") throw new TypeError("an injected defect");
    return text;
  },
});
