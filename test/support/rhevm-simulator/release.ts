/** Versions of the XML that the API speaks. */
export type ApiVersion = 3 | 4;

/** Releases that differ in something a client sees. */
export type ReleaseName = "3.1" | "3.3" | "3.6" | "4.0" | "4.3" | "4.5";

/** How one release of the engine behaves on the wire. */
export interface Release {
  readonly product: string;
  readonly vendor: string;
  readonly major: number;
  readonly minor: number;
  /** Where the API is found, and how hrefs begin in what is found there. */
  readonly roots: Readonly<Record<string, string>>;
  /** The versions it speaks; the last is the default. */
  readonly apiVersions: readonly [ApiVersion, ...ApiVersion[]];
  /** Names of its events and pages for the Basic realm. */
  readonly realm: string;
  /** Most items of a list for which the client gives no limit. */
  readonly listLimit: number | undefined;
  /** Conflicts are told from bad parameters by the HTTP status. */
  readonly hasTypedErrors: boolean;
  /** What a missing resource's 404 holds. */
  readonly missingBody: "html" | "empty";
  /** What an id that is no UUID gets. */
  readonly malformedId: "404 html" | "400 text" | "400 fault";
  /** Without a Filter header, users who are no administrators see their own objects only. */
  readonly filtersByDefault: boolean;
  readonly hasOauth: boolean;
  readonly hasForceSelectSpm: boolean;
  readonly hasSessionTtl: boolean;
  /** Every reply has a correlation id. */
  readonly correlatesReplies: boolean;
  /** Action replies name a job. */
  readonly hasJobs: boolean;
  /** Each answer ends the connection. */
  readonly closesConnections: boolean;
  /** Paused guests can migrate. */
  readonly migratesPaused: boolean;
  /** A reason is kept and shown. */
  readonly keepsReasons: boolean;
  /** API 3: the SPM is shown by `spm` too. */
  readonly hasSpmElement: boolean;
  /** API 3: how payloads are written. */
  readonly payloadFiles: "attributes" | "elements";
  /** Parameters are taken from the query too. */
  readonly hasQueryParameters: boolean;
  readonly caPath: string;
}

const PKI = "/ovirt-engine/services/pki-resource";

const RHEV_3_1: Release = {
  product: "Red Hat Enterprise Virtualization",
  vendor: "Red Hat",
  major: 3,
  minor: 1,
  roots: { "/api": "/api" },
  apiVersions: [3],
  realm: "ENGINE",
  listLimit: 100,
  hasTypedErrors: false,
  missingBody: "html",
  malformedId: "404 html",
  filtersByDefault: false,
  hasOauth: false,
  hasForceSelectSpm: false,
  hasSessionTtl: false,
  correlatesReplies: false,
  hasJobs: false,
  closesConnections: true,
  migratesPaused: false,
  keepsReasons: false,
  hasSpmElement: false,
  payloadFiles: "attributes",
  hasQueryParameters: false,
  caPath: "/ca.crt",
};

const RHEV_3_3: Release = {
  ...RHEV_3_1,
  minor: 3,
  roots: { "/api": "/api", "/ovirt-engine/api": "/api" },
  hasTypedErrors: true,
  hasForceSelectSpm: true,
  hasSessionTtl: true,
  closesConnections: false,
  payloadFiles: "elements",
  hasQueryParameters: true,
};

const OVIRT_3_6: Release = {
  ...RHEV_3_3,
  product: "oVirt Engine",
  vendor: "ovirt.org",
  minor: 6,
  roots: { "/ovirt-engine/api": "/ovirt-engine/api", "/api": "/api" },
  listLimit: undefined,
  missingBody: "empty",
  malformedId: "400 text",
  hasJobs: true,
  migratesPaused: true,
  hasSpmElement: true,
  caPath: PKI,
};

const OVIRT_4_0: Release = {
  ...OVIRT_3_6,
  major: 4,
  minor: 0,
  roots: { "/ovirt-engine/api": "/ovirt-engine/api" },
  apiVersions: [3, 4],
  realm: "RESTAPI",
  malformedId: "400 fault",
  hasOauth: true,
  keepsReasons: true,
};

const OVIRT_4_3: Release = { ...OVIRT_4_0, minor: 3, filtersByDefault: true, correlatesReplies: true };

/** Source: ovirt-engine at the tags of these releases, and recorded replies of 3.1, 3.6, 4.0 and 4.3. */
export const RELEASES = {
  "3.1": RHEV_3_1,
  "3.3": RHEV_3_3,
  "3.6": OVIRT_3_6,
  "4.0": OVIRT_4_0,
  "4.3": OVIRT_4_3,
  "4.5": { ...OVIRT_4_3, minor: 5, apiVersions: [4] },
} as const satisfies Record<ReleaseName, Release>;

/** Whether somebody named a release that is simulated. */
export function isReleaseName(word: string): word is ReleaseName {
  return Object.hasOwn(RELEASES, word);
}
