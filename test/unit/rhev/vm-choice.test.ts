import { describe, expect, it } from "vitest";
import { chooseVm } from "../../../src/rhev/vm-choice.ts";
import { vmFacts } from "../../support/rhev-facts.ts";

const one = vmFacts({ id: "1" });
const far = vmFacts({ id: "2", clusterId: "c2" });

describe("the VM that a resource means", () => {
  it("is the one of exactly that name", () => {
    expect(chooseVm([vmFacts({ name: "WEB1" }), vmFacts({ name: "web10" }), one], "web1", "c1")).toEqual({
      kind: "found",
      vm: one,
    });
  });

  it("is the only one of that name, whatever its cluster", () => {
    expect(chooseVm([far], "web1", "c1")).toEqual({ kind: "found", vm: far });
  });

  it("is that in the configured cluster among several", () => {
    expect(chooseVm([far, one], "web1", "c1")).toEqual({ kind: "found", vm: one });
  });

  it.each([
    ["in the cluster", [one, vmFacts({ id: "3" })]],
    ["in others", [far, vmFacts({ id: "3", clusterId: "c3" })]],
  ])("is not guessed among several %s", (_where, vms) => {
    expect(chooseVm(vms, "web1", "c1").kind).toBe("several");
  });

  it("is not guessed among several when no cluster is known", () => {
    expect(chooseVm([one, far], "web1", undefined).kind).toBe("several");
  });

  it("is none when none has the name", () => {
    expect(chooseVm([vmFacts({ name: "web2" })], "web1", "c1")).toEqual({
      kind: "none",
      reason: "RHEV-M knows no VM web1, or does not show it to RHEVMInfo's User",
    });
  });
});
