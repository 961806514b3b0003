import { chmod, lstat, mkdir, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listenOnSocket, type OwnedSocket } from "../../../ipc/listen.ts";
import { lockSocket } from "../../../ipc/socket-lock.ts";
import { leaveStaleSocket } from "../../support/ipc/stale-socket.ts";
import { makeFolder } from "../../support/ipc/test-server.ts";

let folder: string;
let path: string;
const servers: Server[] = [];
const sockets: OwnedSocket[] = [];

beforeEach(async () => {
  folder = await makeFolder();
  path = join(folder, "agent.sock");
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets.splice(0)) await socket.release();
  await rm(folder, { recursive: true, force: true });
});

async function listen(where: string, gid?: number): Promise<{ server: Server; owned: OwnedSocket }> {
  const server = createServer();
  const owned = await listenOnSocket(server, gid === undefined ? { path: where } : { path: where, gid });
  servers.push(server);
  sockets.push(owned);
  return { server, owned };
}

async function modeOf(where: string): Promise<number> {
  return (await stat(where)).mode & 0o7777;
}

describe("listenOnSocket", () => {
  it("lets only its own user in", async () => {
    await listen(path);

    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(`${path}.lock`)).toBe(0o600);
  });

  it("makes the folder for its own user only", async () => {
    await listen(join(folder, "run", "agent.sock"));

    expect(await modeOf(join(folder, "run"))).toBe(0o700);
  });

  it("lets a group in when told", async () => {
    await listen(join(folder, "read", "agent.sock"), 4242);

    expect(await modeOf(join(folder, "read"))).toBe(0o750);
    expect(await modeOf(join(folder, "read", "agent.sock"))).toBe(0o660);
    expect((await stat(join(folder, "read"))).gid).toBe(4242);
    expect((await stat(join(folder, "read", "agent.sock"))).gid).toBe(4242);
  });

  it("refuses a path that another server of this process listens on", async () => {
    await listen(path);

    await expect(listen(path)).rejects.toMatchObject({ code: "SOCKET_IN_USE" });
  });

  it("refuses a path that somebody serves without our lock", async () => {
    const stranger = createServer();
    servers.push(stranger);
    await new Promise<void>((resolve) => stranger.listen(path, resolve));

    await expect(listen(path)).rejects.toMatchObject({ code: "SOCKET_IN_USE" });
    expect((await lstat(path)).isSocket()).toBe(true);
  });

  it("replaces a socket that nobody serves", async () => {
    await leaveStaleSocket(path);

    const { server } = await listen(path);

    expect(server.listening).toBe(true);
  });

  it("does not touch a file that is no socket", async () => {
    await writeFile(path, "precious");

    await expect(listen(path)).rejects.toMatchObject({ code: "SOCKET_PATH" });
    expect((await lstat(path)).isFile()).toBe(true);
  });

  it("can listen again after a refusal", async () => {
    await writeFile(path, "precious");
    await expect(listen(path)).rejects.toMatchObject({ code: "SOCKET_PATH" });
    await unlink(path);

    const { server } = await listen(path);

    expect(server.listening).toBe(true);
  });

  it("takes a path of 107 bytes and refuses one of 108", async () => {
    const longest = join(folder, "x".repeat(107 - folder.length - 1));

    const { server } = await listen(longest);

    expect(server.listening).toBe(true);
    expect((await lstat(longest)).isSocket()).toBe(true);
    await expect(listen(`${longest}y`)).rejects.toMatchObject({ code: "SOCKET_PATH" });
  });

  it.each(["agent.sock", "", "/tmp/"])("refuses '%s' as a path", async (where) => {
    await expect(listen(where)).rejects.toMatchObject({ code: "SOCKET_PATH" });
  });

  it("refuses a folder where others could replace the socket", async () => {
    await mkdir(join(folder, "open"));
    await chmod(join(folder, "open"), 0o777);

    await expect(listen(join(folder, "open", "agent.sock"))).rejects.toMatchObject({ code: "SOCKET_PATH" });
  });

  it("removes its socket at release and lets the next one in", async () => {
    const { server, owned } = await listen(path);
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await owned.release();

    await expect(lstat(path)).rejects.toMatchObject({ code: "ENOENT" });
    await listen(path);
  });

  it("leaves the socket of a successor alone", async () => {
    const first = await listen(path);
    await unlink(path);
    await unlink(`${path}.lock`); // an administrator who tidies up while the daemon runs
    await listen(path);

    await new Promise<void>((resolve) => first.server.close(() => resolve()));
    await first.owned.release();

    expect((await lstat(path)).isSocket()).toBe(true);
  });
});

describe("lockSocket", () => {
  it("gives the lock to one at a time", async () => {
    const lock = await lockSocket(`${path}.lock`);
    await expect(lockSocket(`${path}.lock`)).rejects.toMatchObject({ code: "SOCKET_IN_USE" });

    await lock.release();

    await (await lockSocket(`${path}.lock`)).release();
  });

  it("does not follow a link that somebody planted", async () => {
    await writeFile(join(folder, "target"), "");
    await symlink(join(folder, "target"), `${path}.lock`);

    await expect(lockSocket(`${path}.lock`)).rejects.toMatchObject({ code: "LOCK_FAILED" });
  });
});

describe("a socket that systemd listens on", () => {
  /** Never looked at: each of these is refused before. */
  const fd = 999;

  function takeOver(bound: string): Promise<OwnedSocket> {
    return listenOnSocket(createServer(), { path, inherited: { fd, path: bound } });
  }

  it("is refused where the configuration has another path", async () => {
    await expect(takeOver("/run/other.sock")).rejects.toThrow(
      `systemd listens on /run/other.sock, and the configuration says ${path}: change one of them`,
    );
  });

  it("is refused where no client can find it", async () => {
    await expect(takeOver(path)).rejects.toThrow(`${path}, on which systemd listens, has been removed`);
  });

  it("is refused where others may connect", async () => {
    await leaveStaleSocket(path);
    await chmod(path, 0o666);

    await expect(takeOver(path)).rejects.toThrow(
      `others may connect to ${path}: set SocketMode=0600 in its unit`,
    );
  });

  it("is refused while another process has its lock", async () => {
    const lock = await lockSocket(`${path}.lock`);

    await expect(takeOver(path)).rejects.toThrow(`another process holds ${path}.lock`);
    await lock.release();
  });
});
