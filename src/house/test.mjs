/**
 * `npm test`: set-up, then every check and test there is; a failed one does not hide the next.
 * Words choose steps by name; `--long` (`npm run test:long`) runs all of what `npm test` samples.
 */
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBrowser } from "./browser.mjs";
import { filesBelow, nodeModules, root } from "./paths.mjs";
import { checkoutEnvironment, ensureRay, interpreterOf } from "./python-env.mjs";
import { elapsed, run, say, script } from "./report.mjs";
import { setUp } from "./setup.mjs";
import { ensureSshd } from "./sshd.mjs";

const bin = (/** @type {string} */ name) => join(nodeModules, ".bin", name);
const python = interpreterOf(checkoutEnvironment);
const pythonSettings = join("python", "pyproject.toml");
const VITEST = "tests in TypeScript";
const pythonFolders = [
  "python",
  "generated",
  join("examples", "call"),
  join("examples", "peers"),
  join("test", "profile"),
];
const hasPythonTests = () =>
  existsSync(join(root, "python", "tests")) &&
  filesBelow(join(root, "python", "tests")).some((path) => /test_[^/]*\.py$/.test(path));
const examples = () =>
  ["examples", "examples/layers"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".moe.ts"))
      .map((name) => `${folder}/${name}`),
  );

/**
 * @typedef {{ name: string, program: string, args: readonly string[] }} Step
 * @type {() => readonly Step[]}
 */
const steps = () => [
  { name: "lint and format", program: bin("biome"), args: ["check", "--error-on-warnings", "."] },
  { name: "types", program: bin("tsc"), args: ["--noEmit", "-p", "tsconfig.json"] },
  {
    name: "no import cycles",
    program: bin("dpdm"),
    args: [
      ...["--no-tree", "--no-warning", "--no-progress"],
      ...["--exit-code", "circular:1", "src/index.ts", "src/cli/main.ts"],
    ],
  },
  {
    name: "generated files match the specs",
    program: process.execPath,
    args: [join("dist", "cli", "main.js"), "build", ...examples(), "--check"],
  },
  {
    name: "Black",
    program: python,
    args: ["-m", "black", "--check", "--quiet", "--config", pythonSettings, ...pythonFolders],
  },
  {
    name: "isort",
    program: python,
    args: ["-m", "isort", "--check-only", "--settings-path", pythonSettings, ...pythonFolders],
  },
  {
    name: "ruff",
    program: python,
    args: ["-m", "ruff", "check", "--no-cache", "--config", pythonSettings, ...pythonFolders],
  },
  {
    name: VITEST,
    program: bin("vitest"),
    args: ["run", "--config", join("test", "vitest.config.ts")],
  },
  // Without a test pytest ends with code 5.
  ...(hasPythonTests()
    ? [
        {
          name: "tests in Python",
          program: python,
          args: ["-m", "pytest", "-c", pythonSettings, "--rootdir", "python", "python/tests"],
        },
      ]
    : []),
];

await script(async () => {
  await setUp();
  const words = process.argv.slice(2);
  const long = words.includes("--long");
  const only = words.filter((word) => word !== "--long");
  const chosen = steps().filter(
    ({ name }) => only.length === 0 || only.some((word) => name.includes(word)),
  );
  /** @type {string[]} */
  const failed = [];
  if (chosen.some(({ name }) => name === VITEST)) {
    await ensureBrowser();
    await ensureSshd();
    await ensureRay(checkoutEnvironment);
  }
  const env = {
    ...process.env,
    ...(long && { MOEGEN_LONG: "1" }),
    JAX_PLATFORMS: "cpu",
    PYTHONPATH: join(root, "python"),
  };
  /** @type {(step: Step, out: number) => Promise<string>} Runs one; how it ended, in a line. */
  const take = async ({ name, program, args }, out) => {
    const start = performance.now();
    const code = await run(program, args, { cwd: root, env, stdio: ["ignore", out, out] });
    if (code !== 0) failed.push(name);
    return `${code === 0 ? "ok" : `FAILED (code ${code})`}  ${name}  ${elapsed(start)}`;
  };
  /** @type {(step: Step) => Promise<void>} */
  const shown = async (step) => {
    say(`\n── ${step.name}`);
    say(await take(step, 1));
  };
  /** @type {(steps: readonly Step[]) => Promise<void>} What one prints is shown in one piece. */
  const apart = async (list) => {
    for (const step of list) {
      const folder = mkdtempSync(join(tmpdir(), "moegen-step-"));
      const log = join(folder, "log");
      const file = openSync(log, "w");
      try {
        const end = await take(step, file);
        say(`\n── ${step.name}\n${readFileSync(log, "utf8")}${end}`);
      } finally {
        closeSync(file);
        rmSync(folder, { recursive: true, force: true });
      }
    }
  };
  // Two cores: the checks in two rows, then pytest, which takes one core, beside vitest. Tests make
  // files that no check should see.
  const checks = chosen.filter(({ name }) => !name.startsWith("tests"));
  const [first, ...others] = chosen.filter(({ name }) => name.startsWith("tests"));
  const half = (/** @type {number} */ odd) => checks.filter((_, index) => index % 2 === odd);
  const [check, another] = checks;
  if (check !== undefined && another === undefined) await shown(check);
  else await Promise.all([apart(half(0)), apart(half(1))]);
  if (first !== undefined) await Promise.all([shown(first), apart(others)]);
  if (failed.length > 0) say(`\nfailed: ${failed.join(", ")}`);
  process.stdout.write(`\n${chosen.length - failed.length} passed, ${failed.length} failed\n`);
  return failed.length === 0 ? 0 : 1;
});
