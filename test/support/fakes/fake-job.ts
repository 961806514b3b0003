import { ERROR_CODE } from "../../../src/libvirt/errors.ts";
import type { FakeDomain } from "./fake-domain.ts";
import { invalid, libvirtError } from "./libvirt-error.ts";

/** Source: libvirt-domain.h, virDomainJobOperation. */
const OPERATION = { incoming: 4, outgoing: 5, backup: 9 } as const;

/** Statistics of a job as libvirt gives them. */
interface JobStatistics {
  readonly type: number;
  readonly params: ReadonlyMap<string, unknown>;
}

/**
 * libvirtd's answer to the question for a domain's job. Source: libvirt-domain.h, virDomainJobType.
 *
 * @throws {LibvirtError} 84 on the target of a migration
 */
export async function jobStatistics({ figures, job, jobBeganAt }: FakeDomain): Promise<JobStatistics> {
  if (job === "silent") return new Promise(() => undefined);
  if (job === "refused") {
    throw libvirtError(
      "getJobStats",
      ERROR_CODE.OPERATION_UNSUPPORTED,
      "migration statistics are available only on the source host",
    );
  }
  if (job === "hangs")
    throw libvirtError("getJobStats", ERROR_CODE.OPERATION_TIMEOUT, "cannot acquire state change lock");
  if (job === "ended") throw invalid("getJobStats", "domain is not running");
  if (job === "none") return { type: 0, params: new Map() };
  const elapsed = BigInt(Date.now() - jobBeganAt);
  return {
    type: 2,
    params: new Map<string, unknown>([["operation", OPERATION[job]], ["time_elapsed", elapsed], ...figures]),
  };
}
