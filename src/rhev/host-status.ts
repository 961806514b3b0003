/** How far what the engine says of a host's guests can be believed. */
export type HostContact =
  | "heard" // the engine hears from it every few seconds
  | "empty" // in maintenance: it runs no guest
  | "lost"; // what the engine says of its guests is old, or nothing

/**
 * What a host's status says of its guests. In `connecting` the engine has lost a host and still shows its guests as they
 * were last, for a minute or more.
 *
 * Source: oVirt engine, VDSStatus; which of them are monitored: VdsManager. `non_operational` and
 * `preparing_for_maintenance` hosts run their guests and are heard.
 */
const HOST_CONTACT = {
  up: "heard",
  preparing_for_maintenance: "heard",
  non_operational: "heard",
  error: "heard",
  maintenance: "empty",
  connecting: "lost",
  non_responsive: "lost",
  unassigned: "lost",
  initializing: "lost",
  installing: "lost",
  install_failed: "lost",
  installing_os: "lost",
  pending_approval: "lost",
  reboot: "lost",
  kdumping: "lost",
  down: "lost",
} as const satisfies Record<string, HostContact>;

/** Looks a status up; a word that is not in the table, or none, proves nothing. */
export function hostContact(status: string | undefined): HostContact {
  return status !== undefined && isHostStatus(status) ? HOST_CONTACT[status] : "lost";
}

function isHostStatus(word: string): word is keyof typeof HOST_CONTACT {
  return Object.hasOwn(HOST_CONTACT, word);
}
