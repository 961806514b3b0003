import type { PayloadFile } from "../payload-file.ts";
import { childOf, type XmlElement } from "../xml.ts";
import { childrenOf, textAt } from "./elements.ts";

/** What a VM gets beside its disks when it starts. */
export interface VmPayload {
  /** files of all its payloads, their contents without blanks at either end; one without files is none */
  readonly files: readonly PayloadFile[];
  /** cloud-init or sysprep are configured: at a VM's first run they take the place of a payload's CD-ROM */
  readonly isInitialized: boolean;
}

/**
 * Reads the payloads of one VM. Source: api.xsd 3.x (Payload, File, Initialization), ovirt-engine-api-model (types/Payload).
 */
export function vmPayloadOf(vm: XmlElement): VmPayload {
  const payloads = childrenOf(vm, "payloads").flatMap((list) => childrenOf(list, "payload"));
  // before 3.3 a file stands in the payload itself
  const files = payloads.flatMap((payload) => [payload, ...childrenOf(payload, "files")]);
  return {
    files: files
      .flatMap((list) => childrenOf(list, "file"))
      .map(payloadFileIn)
      .filter(({ content }) => content !== ""),
    // the element holds the VM's whole configuration too, as OVF, for any VM
    isInitialized:
      childOf(vm, "initialization")?.children.some(({ name }) => name !== "configuration") ?? false,
  };
}

function payloadFileIn(file: XmlElement): PayloadFile {
  return {
    name: textAt(file, "name") ?? file.attributes["name"] ?? "",
    content: textAt(file, "content") ?? "",
  };
}
