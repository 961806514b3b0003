import type { Vm } from "./vm-document.ts";

/** Which VM a resource means. */
export type VmChoice =
  | { readonly kind: "found"; readonly vm: Vm }
  | { readonly kind: "none" | "several"; readonly reason: string };

/**
 * Chooses the VM of a name. Names are unique in a data centre only; among several, those in the configured cluster count.
 *
 * @param clusterId the cluster that RHEVMInfo names, where it is known
 */
export function chooseVm(vms: readonly Vm[], name: string, clusterId: string | undefined): VmChoice {
  const named = vms.filter((vm) => vm.name === name);
  const near = named.filter((vm) => clusterId !== undefined && vm.clusterId === clusterId);
  const [first, second] = named.length > 1 ? near : named;
  if (first === undefined && named.length === 0)
    return { kind: "none", reason: `RHEV-M knows no VM ${name}, or does not show it to RHEVMInfo's User` };
  if (first !== undefined && second === undefined) return { kind: "found", vm: first };
  const ids = named.map(({ id }) => id).join(", ");
  return {
    kind: "several",
    reason: `RHEV-M has ${named.length} VMs ${name} (${ids}), and not exactly one in RHEVMInfo's Cluster: rename them`,
  };
}
