/** Generated packages under the trees' own tools: Black leaves them as they are, and they import. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";

export interface Package {
  /** The spec's number: what is wrong is told by it. */
  readonly index: number;
  readonly name: string;
  readonly files: ReadonlyMap<string, string>;
}

const IMPORT = [
  "import importlib, json, sys, traceback",
  "sys.path.insert(0, sys.argv[1])",
  "failed = {}",
  "for name in sys.argv[2:]:",
  "    try:",
  "        package = importlib.import_module(name)",
  "        assert callable(package.fused_ep_moe)",
  "        assert all(hasattr(package, item) for item in package.__all__)",
  "    except Exception:",
  "        failed[name] = traceback.format_exc()[-500:]",
  "print(json.dumps(failed))",
].join("\n");

/** What is wrong with which spec's package; empty when all is well. */
export async function complaints(
  packages: readonly Package[],
): Promise<ReadonlyMap<number, string>> {
  const python = interpreterOf(checkoutEnvironment);
  const folder = mkdtempSync(join(tmpdir(), "moegen-fuzz-python-"));
  const found = new Map<number, string>();
  try {
    // Many modules are alike in many packages: Black reads each text once.
    const owners = new Map<string, readonly [index: number, file: string]>();
    const modules = new Map<string, number>();
    for (const { index, name, files } of packages) {
      modules.set(`p${index}.${name}`, index);
      for (const [file, text] of files) {
        const path = join(folder, "packages", `p${index}`, file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
        const digest = createHash("sha256").update(text).digest("hex").slice(0, 24);
        if (owners.has(digest)) continue;
        owners.set(digest, [index, file]);
        mkdirSync(join(folder, "texts"), { recursive: true });
        writeFileSync(join(folder, "texts", `${digest}.py`), text);
      }
    }
    const black = ["-m", "black", "--check", "-l", "100", "-t", "py311", "texts"];
    const formatted = await execa(python, black, { cwd: folder, reject: false });
    for (const [digest, [index, file]] of owners) {
      if (formatted.stderr.includes(`${digest}.py`)) found.set(index, `Black changes ${file}`);
    }
    if (formatted.exitCode !== 0 && found.size === 0) throw new Error(formatted.stderr);
    const script = ["-I", "-c", IMPORT, join(folder, "packages"), ...modules.keys()];
    const { stdout } = await execa(python, script, { cwd: folder });
    const failed: unknown = JSON.parse(stdout);
    for (const [module, why] of Object.entries(failed as Record<string, string>)) {
      const index = modules.get(module);
      if (index !== undefined) found.set(index, `does not import: ${why}`);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
