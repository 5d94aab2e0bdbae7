/** What the operating system refuses (a full disk, a file in the way), in words of a user. */
import { join } from "node:path";
import { EXIT, type ExitCode } from "./exit.ts";
import { packageRoot } from "./package.ts";

export interface SystemFailure {
  readonly exit: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}

interface Known {
  readonly exit: ExitCode;
  readonly why: string;
  readonly fix: string;
}

const elsewhere = "give another path";
const usage = (why: string, fix = elsewhere): Known => ({ exit: EXIT.usage, why, fix });
const machine = (why: string, fix: string): Known => ({ exit: EXIT.environment, why, fix });
const room = "make room, then run the same command again";
const access = "give another path, or yourself the right to write there";

const KNOWN: Readonly<Record<string, Known>> = {
  ENOSPC: machine("the disk is full", room),
  EDQUOT: machine("your quota of the disk is used up", room),
  EFBIG: machine("the file is larger than this system or `ulimit -f` allows", "raise the limit"),
  EIO: machine("the disk does not answer as it should", "look at the disk, then run it again"),
  EROFS: machine("the disk is read-only", access),
  EACCES: machine("permission denied", access),
  EPERM: machine("not permitted", access),
  EMFILE: machine("too many files are open", "raise `ulimit -n`"),
  ENFILE: machine("too many files are open on this machine", "end something, then run it again"),
  ENOMEM: machine("memory is used up", "end something, then run it again"),
  EBUSY: machine("it is in use", "end what uses it, then run it again"),
  EXDEV: machine("it is on another disk than the folder it lies in", elsewhere),
  ENAMETOOLONG: usage("the name is longer than the disk takes"),
  ENOTDIR: usage("a part of the path is a file, not a folder"),
  EISDIR: usage("it is a folder, not a file"),
  EEXIST: usage("something is there already"),
  ENOTEMPTY: usage("the folder is not empty"),
  ELOOP: usage("its symbolic links lead in a circle"),
  ENOENT: usage("it is not there"),
  EINVAL: usage("the disk does not take such a name"),
};

/** Calls that touch files; a socket or a process that fails is something else. */
const CALLS = new Set(
  (
    "access chmod close copyfile fsync ftruncate link lstat mkdir mkdtemp open opendir read readlink " +
    "realpath rename rm rmdir scandir stat symlink unlink utime watch write"
  ).split(" "),
);
/** What belongs to this copy of moegen: not there, it is no mistake of the user's. */
const OWN = ["dist", "src", "templates", "node_modules"].map((name) => join(packageRoot, name));

/** Nothing where it is no error of the system's, or one of moegen's own files. */
export function systemFailure(thrown: Error): SystemFailure | undefined {
  const { code, syscall, path } = thrown as NodeJS.ErrnoException;
  const known = code === undefined || !Object.hasOwn(KNOWN, code) ? undefined : KNOWN[code];
  if (code === undefined || known === undefined || !CALLS.has(syscall ?? "")) return undefined;
  const own = path !== undefined && OWN.some((folder) => path.startsWith(folder));
  if (own && known.exit === EXIT.usage) return undefined;
  const verb = ["open", "read", "scandir", "opendir", "stat", "lstat"].includes(syscall ?? "")
    ? "use"
    : "write";
  const message = `cannot ${verb} ${path ?? "a file"}: ${known.why}`;
  return { exit: known.exit, code, message, fix: known.fix };
}
