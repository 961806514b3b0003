import { STATE_TABLE } from "../../src/kvm/state-table.ts";
import { monitorExitCode, type ResourceState, stateText } from "../../src/resource-state.ts";
import { VM_STATUS } from "../../src/rhev/vm-status.ts";

const HEAD = `# States of a KVM guest

Generated from \`src/kvm/state-table.ts\` and \`src/rhev/vm-status.ts\`; a test compares them. After a change of a table:
\`UPDATE_DOCS=1 npx vitest run --project unit test/unit/kvm/states-document.test.ts\`

## Plain KVM

What libvirt says of a domain, as \`virsh domstate --reason\` prints it, and what \`monitor\` answers. \`*\` is any reason without a row of its
own; \`outgoing\` and \`incoming\` are the sides of a migration. Words that are in no row are UNKNOWN. Each row can be given another answer
under \`kvm.states\` in the configuration. A guest that libvirt does not know is OFFLINE; when libvirt does not answer, the emulator that
ran the guest last proves ONLINE(30), or nothing does and the answer is UNKNOWN. Whatever a row says, a guest with an emulator is shown as
ONLINE while it is being stopped and at the first monitor after open, unless it is migrating.

| libvirt says | monitor answers | exit code | why | beside it |
| --- | --- | --- | --- | --- |
`;

const RHEV_HEAD = `
## RHEV-M and oVirt

What RHEV-M says of a VM (its \`status\`), and what \`monitor\` answers on the host that RHEV-M names for it; \`down\`, \`powered_down\`
and \`suspended\` have no host. Words that are in no row, and a VM without a status, are UNKNOWN. \`kvm.states\` does not touch these rows.
Beside the table:

* on every other host it is OFFLINE; on the one that ran it last and that it left, INTENTIONAL OFFLINE. \`suspended\` is INTENTIONAL OFFLINE
  on the host that ran it last, and OFFLINE elsewhere;
* it is UNKNOWN where RHEV-M does not name the host of a guest that has one, does not hear that host, or does not hear this host: what it
  says of guests is old then. It hears hosts that are \`up\`, \`non_operational\`, \`preparing_for_maintenance\` or in \`error\`, and knows that one in
  \`maintenance\` runs nothing;
* it is UNKNOWN as long as nobody can say which host of RHEV-M this system is, and while RHEV-M does not answer: a host keeps no proof of its own;
* whatever a row says, a guest that is active here is shown as ONLINE while it is being stopped and at the first monitor after open,
  unless it is migrating.

| RHEV-M says | monitor answers | exit code | why | beside it |
| --- | --- | --- | --- | --- |
`;

/** docs/states.md as the tables of the product have it. */
export function statesDocument(): string {
  const kvm = Object.entries(STATE_TABLE).map(([words, row]) => line(words, row));
  const rhev = Object.entries(VM_STATUS).map(([word, { state, why, passing }]) =>
    line(word, { state, why, passing }),
  );
  return `${HEAD}${kvm.join("\n")}\n${RHEV_HEAD}${rhev.join("\n")}\n`;
}

interface Row {
  readonly state: ResourceState;
  readonly why: string;
  readonly alarming?: true;
  readonly suspended?: "paused" | "asleep";
  readonly migrating?: true;
  readonly passing?: boolean;
}

function line(words: string, { state, why, alarming, suspended, migrating, passing }: Row): string {
  const beside = [
    alarming === true ? "warned of" : "",
    suspended === undefined ? "" : `offline and online ${suspended === "paused" ? "resume" : "wake"} it`,
    migrating === true ? "a migration is under way" : "",
    passing === true ? "passes by itself: looked at every 3 s" : "",
  ].filter((part) => part !== "");
  return `| \`${words}\` | ${stateText(state)} | ${monitorExitCode(state)} | ${why} | ${beside.join("; ")} |`;
}
