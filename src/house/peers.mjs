/** `npm run peers`: other projects' kernels into `.peers`, for `moegen profile --peer`. */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOptional, root } from "./paths.mjs";
import { ensurePythonEnvironment } from "./python-env.mjs";
import { HouseError, run, say, script } from "./report.mjs";

const lock = join(root, "python", "peers.lock");
const folder = join(root, ".peers");
const stamp = join(folder, ".moegen-stamp");

await script(async () => {
  const hash = createHash("sha256").update(readFileSync(lock)).digest("hex");
  if (readOptional(stamp) === hash) {
    say("peers: in place in .peers");
    return 0;
  }
  const python = await ensurePythonEnvironment();
  rmSync(folder, { recursive: true, force: true });
  // Their stated requirements, Python version included, are those of whole servers; the kernel
  // files that the adapters load run on the locked JAX.
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--quiet"];
  const rules = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:"];
  const code = await run(python, [
    ...pip,
    ...rules,
    ...["--require-hashes", "--target", folder, "-r", lock],
  ]);
  if (code !== 0) {
    throw new HouseError(
      `pip ended with code ${code}`,
      "read pip's message above; is the Python registry reachable?",
    );
  }
  writeFileSync(stamp, hash);
  say("peers: ready in .peers");
  return 0;
});
