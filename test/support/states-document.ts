import { STATE_TABLE } from "../../src/kvm/state-table.ts";
import { monitorExitCode, type ResourceState, stateText } from "../../src/resource-state.ts";

const HEAD = `# States of a KVM guest

Generated from \`src/kvm/state-table.ts\`; a test compares both. After a change of the table:
\`UPDATE_DOCS=1 npx vitest run --project unit test/unit/kvm/states-document.test.ts\`

What libvirt says of a domain, as \`virsh domstate --reason\` prints it, and what \`monitor\` answers. \`*\` is any reason without a row of its
own; \`outgoing\` and \`incoming\` are the sides of a migration. Words that are in no row are UNKNOWN. Each row can be given another answer
under \`kvm.states\` in the configuration. A guest that libvirt does not know is OFFLINE; when libvirt does not answer, the emulator that
ran the guest last proves ONLINE(30), or nothing does and the answer is UNKNOWN. Whatever a row says, a guest with an emulator is shown as
ONLINE while it is being stopped and at the first monitor after open, unless it is migrating.

| libvirt says | monitor answers | exit code | why | beside it |
| --- | --- | --- | --- | --- |
`;

/** docs/states.md as the tables of the product have it. */
export function statesDocument(): string {
  return `${HEAD}${Object.entries(STATE_TABLE)
    .map(([words, row]) => line(words, row))
    .join("\n")}\n`;
}

interface Row {
  readonly state: ResourceState;
  readonly why: string;
  readonly alarming?: true;
  readonly suspended?: "paused" | "asleep";
  readonly migrating?: true;
}

function line(words: string, { state, why, alarming, suspended, migrating }: Row): string {
  const beside = [
    alarming === true ? "warned of" : "",
    suspended === undefined ? "" : `offline and online ${suspended === "paused" ? "resume" : "wake"} it`,
    migrating === true ? "a migration is under way" : "",
  ].filter((part) => part !== "");
  return `| \`${words}\` | ${stateText(state)} | ${monitorExitCode(state)} | ${why} | ${beside.join("; ")} |`;
}
