import { ERROR_CODE, LibvirtError } from "../../../src/libvirt/errors.ts";

/** An error reply as libvirtd sends it. */
export function libvirtError(procedure: string, code: number, message: string, domain = 10): LibvirtError {
  const nothing = { domain, level: 2, str1: null, str2: null, str3: null, int1: 0, int2: 0 };
  return new LibvirtError(procedure, { ...nothing, code, message });
}

/** What libvirtd says to an operation that the domain's state does not allow. */
export function invalid(procedure: string, why: string): LibvirtError {
  return libvirtError(procedure, ERROR_CODE.OPERATION_INVALID, `Requested operation is not valid: ${why}`);
}
