import type { PayloadFile } from "../payload-file.ts";
import type { ApiVersion } from "./api-document.ts";

/** What kind of fencing: `manual` only tells the engine that the host is dead, nothing is powered off. */
export type FenceType = "manual" | "status";

/** An action without arguments. The engine refuses an empty body. */
export const PLAIN_ACTION = "<action/>";

/**
 * The body of `start`.
 *
 * @param hostId the host on which it must start; undefined: the engine chooses. With it the start is a "run once", which
 *   needs the right to it
 */
export function startBody(version: ApiVersion, hostId: string | undefined): string {
  if (hostId === undefined) return PLAIN_ACTION;
  const host = `<host id="${escaped(hostId)}"/>`;
  const place = version === 3 ? host : `<hosts>${host}</hosts>`;
  return `<action><vm><placement_policy>${place}</placement_policy></vm></action>`;
}

/** The body of `migrate` to a host. */
export function migrateBody(hostId: string): string {
  return `<action><host id="${escaped(hostId)}"/></action>`;
}

/** The body of stop, shutdown and deactivate; the reason is shown in the engine's events, by those that know it. */
export function reasonBody(reason: string): string {
  return `<action><reason>${escaped(reason)}</reason></action>`;
}

export function fenceBody(type: FenceType): string {
  return `<action><fence_type>${type}</fence_type></action>`;
}

/** The change of a VM that moves it to another cluster; API 3 and 4 alike. */
export function clusterBody(clusterId: string): string {
  return `<vm><cluster id="${escaped(clusterId)}"/></vm>`;
}

/**
 * The change of a VM that gives it a virtual CD-ROM with these files at its next start, or takes it away where there are
 * none.
 *
 * @param isOldSchema engines before 3.3: one file, and nothing can be taken away, so an empty one is left
 */
export function payloadBody(
  version: ApiVersion,
  isOldSchema: boolean,
  volume: string,
  files: readonly PayloadFile[],
): string {
  if (isOldSchema) return oldPayloadBody(files);
  if (files.length === 0) return "<vm><payloads/></vm>";
  const list = files
    .map(
      ({ name, content }) =>
        `<file><name>${escaped(name)}</name><content>${escaped(content)}</content></file>`,
    )
    .join("");
  const inner = `<files>${list}</files>`;
  const label = `<volume_id>${escaped(volume)}</volume_id>`;
  const payload =
    version === 3
      ? `<payload type="cdrom">${inner}${label}</payload>`
      : `<payload>${inner}<type>cdrom</type>${label}</payload>`;
  return `<vm><payloads>${payload}</payloads></vm>`;
}

function oldPayloadBody(files: readonly PayloadFile[]): string {
  const { name, content } = files[0] ?? { name: "none", content: "" };
  const file = `<file name="${escaped(name)}"><content>${escaped(content)}</content></file>`;
  return `<vm><payloads><payload type="cdrom">${file}</payload></payloads></vm>`;
}

/** Text within an element or attribute. Line ends are written as references, or a reader may change them. */
export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\r", "&#13;")
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "?");
}
