/** An ssh server for the test of `time --on ssh:HOST`: one that is there, else Debian's. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ensurePackage } from "./apt.mjs";

/** Where Debian and others have it: seldom in a user's PATH. */
const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/**
 * sshd and the tools of a client; absent where one of them is.
 * @returns {{ sshd: string, ssh: string, keygen: string } | undefined}
 */
export function findSshd() {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  /** @param {string} name */
  const find = (name) =>
    [...path, ...FOLDERS].map((folder) => join(folder, name)).find((file) => existsSync(file));
  const [sshd, ssh, keygen] = [find("sshd"), find("ssh"), find("ssh-keygen")];
  return sshd && ssh && keygen ? { sshd, ssh, keygen } : undefined;
}

/** Installs sshd where there is none and that may be done; says so where it may not. */
export async function ensureSshd() {
  if (findSshd() !== undefined) return;
  await ensurePackage("openssh-server", "the worker is not tested over ssh");
}
