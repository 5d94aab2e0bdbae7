/** A real sshd on the loopback address, and a real ssh that knows its key: both gone after the tests. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { delimiter, join } from "node:path";
import { findSshd } from "../../src/house/sshd.mjs";
import { until } from "../cli/processes.ts";

export interface Sshd {
  /** For the command that is to find the server under the name `loopback`. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

export async function startSshd(): Promise<Sshd> {
  const tools = findSshd();
  if (tools === undefined) throw new Error("no sshd");
  const folder = mkdtempSync(join(tmpdir(), "moegen-sshd-"));
  const file = (name: string): string => join(folder, name);
  for (const key of ["host", "user"]) {
    execFileSync(tools.keygen, ["-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  }
  execFileSync("cp", [file("user.pub"), file("authorized")]);
  const port = await freePort();
  writeFileSync(
    file("sshd_config"),
    [
      ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${file("host")}`],
      ...[`AuthorizedKeysFile ${file("authorized")}`, "PidFile none", "StrictModes no"],
      ...["PasswordAuthentication no", "KbdInteractiveAuthentication no", "UsePAM no"],
      "PermitRootLogin prohibit-password",
    ].join("\n"),
  );
  writeFileSync(
    file("ssh_config"),
    [
      "Host loopback gone",
      ...["HostName 127.0.0.1", `User ${userInfo().username}`, `IdentityFile ${file("user")}`],
      ...["IdentitiesOnly yes", `UserKnownHostsFile ${file("known")}`, "LogLevel ERROR"],
      "StrictHostKeyChecking accept-new",
      ...["Host loopback", `Port ${port}`, "Host gone", "Port 1"],
    ].join("\n"),
  );
  // ssh takes a user's configuration from the password file's home, whatever HOME says.
  mkdirSync(file("bin"));
  writeFileSync(
    file("bin/ssh"),
    `#!/bin/sh\nexec "${tools.ssh}" -F "${file("ssh_config")}" "$@"\n`,
  );
  chmodSync(file("bin/ssh"), 0o755);
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
  const server = spawn(tools.sshd, ["-D", "-e", "-f", file("sshd_config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  server.stderr.on("data", (chunk) => {
    said += String(chunk);
  });
  const up = await until(() => /listening on/.test(said) || server.exitCode !== null);
  if (!up || server.exitCode !== null) throw new Error(`sshd does not start: ${said}`);
  return {
    env: { PATH: `${file("bin")}${delimiter}${process.env.PATH}` },
    stop: async () => {
      const closed = new Promise((resolve) => server.on("close", resolve));
      server.kill();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
