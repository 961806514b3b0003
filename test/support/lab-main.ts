import { emulatorPid, startGuest } from "./lab/guest.ts";
import { guestFiles } from "./lab/guest-files.ts";
import { makeLab } from "./lab/lab.ts";

/** A process that has a lab with a running guest, says what there is, and waits to be killed. */
const lab = await makeLab(["node1", "node2"]);
const { libvirtd } = lab.on("node1");
await startGuest(libvirtd, { name: "left", files: await guestFiles(), kind: "sector" });
const pids = [libvirtd.pid, await emulatorPid(libvirtd, "left"), lab.on("node2").libvirtd.pid];
process.stdout.write(`${JSON.stringify({ folder: lab.folder, pids })}\n`);
setInterval(() => {}, 1000);
