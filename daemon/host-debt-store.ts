import { createHash } from "node:crypto";
import { z } from "zod";
import type { HostDebt } from "../src/dev-scan.ts";
import type { Log } from "../src/log.ts";
import { durableRecords } from "./durable-records.ts";

/** The file of one debt; a version that is not ours is not guessed at. */
const fileSchema = z.strictObject({
  version: z.literal(1),
  url: z.string(),
  user: z.string(),
  cluster: z.string(),
  since: z.string(),
  hosts: z.array(z.strictObject({ id: z.string(), name: z.string(), isOut: z.boolean() })),
});

/** Keeps on disk which hosts have to be activated again, one small file for each engine and cluster. */
export interface HostDebtStore {
  load(): Promise<readonly HostDebt[]>;
  save(debt: HostDebt): Promise<void>;
  remove(debt: HostDebt): Promise<void>;
}

/** @param directory the daemon's state directory; `host-debts` below it is made when it is missing */
export function hostDebtStore(directory: string, log: Log): HostDebtStore {
  const records = durableRecords<HostDebt>(
    directory,
    {
      folder: "host-debts",
      parse(content) {
        const { version: _version, ...debt } = fileSchema.parse(content);
        return debt;
      },
      words: {
        notKept: "records of hosts in maintenance cannot be kept, DevScan will send none there",
        unreadable: "record of hosts in maintenance cannot be read, look whether RHEV-M has some to activate",
        notSetAside: "record of hosts in maintenance cannot be set aside",
      },
    },
    log,
  );
  return {
    load: () => records.load(),
    save: (debt) => records.save(fileNameOf(debt), debt),
    remove: (debt) => records.remove(fileNameOf(debt)),
  };
}

function fileNameOf(debt: HostDebt): string {
  return createHash("sha256").update(debtKey(debt)).digest("hex").slice(0, 32);
}

/** The same for scans that share an engine and a cluster. */
export function debtKey({ url, user, cluster }: Pick<HostDebt, "url" | "user" | "cluster">): string {
  return JSON.stringify([url, user, cluster]);
}
