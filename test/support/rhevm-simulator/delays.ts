/** How long things take, in milliseconds of the simulated clock. */
export interface Delays {
  readonly launchMs: number;
  readonly bootMs: number;
  readonly shutdownMs: number;
  readonly stopMs: number;
  readonly migrationMs: number;
  readonly suspendMs: number;
  readonly restoreMs: number;
  readonly rebootMs: number;
  readonly activationMs: number;
  readonly maintenanceMs: number;
  readonly hostRebootMs: number;
  /** From a host's loss to `non_responsive`; each of its VMs adds `graceForVmMs`, the SPM role `graceForSpmMs`. */
  readonly graceMs: number;
  readonly graceForVmMs: number;
  readonly graceForSpmMs: number;
  readonly spmElectionMs: number;
  /** How long the engine is away when it restarts, and how long it then takes to hear of its hosts. */
  readonly engineRestartMs: number;
  readonly engineSettlingMs: number;
}

/** The engine's own limits where it has some (TimeoutToResetVdsInSeconds and its kin), else what is usual. */
export const USUAL_DELAYS: Delays = {
  launchMs: 2000,
  bootMs: 10_000,
  shutdownMs: 5000,
  stopMs: 1000,
  migrationMs: 8000,
  suspendMs: 5000,
  restoreMs: 5000,
  rebootMs: 10_000,
  activationMs: 5000,
  maintenanceMs: 3000,
  hostRebootMs: 120_000,
  graceMs: 60_000,
  graceForVmMs: 500,
  graceForSpmMs: 20_000,
  spmElectionMs: 10_000,
  engineRestartMs: 30_000,
  engineSettlingMs: 10_000,
};
