/**
 * Launchers' files as their tools read them: SkyPilot's own loader, the compose specification, the
 * schemas of Kubernetes; KubeRay's and Kueue's own kinds where MOEGEN_CRDS names a folder with their
 * definitions (`config/crd/bases` of their repositories), which no registry has.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launcherFiles } from "../../src/cli/init/launcher.ts";
import { ensureLauncherChecks } from "../../src/house/launchers.mjs";
import { launcherNames } from "../../src/launcher/registry.ts";
import { emptyFolder, root } from "../cli/moegen.ts";
import { long } from "../long.ts";

const crds = process.env.MOEGEN_CRDS;

interface Fault {
  readonly from: string;
  readonly to: string;
}

/** File → its kind, and a fault that its tool sees. */
const FILES: readonly (readonly [string, string, Fault])[] = [
  ["compose/compose.yaml", "compose", { from: "depends_on:", to: "depend_on:" }],
  ["compose/compose.yaml", "compose", { from: ":8265:8265", to: ":8265:82650" }],
  ["kuberay/cluster.yaml", "kubernetes", { from: "volumeMounts:", to: "volumemounts:" }],
  ["kuberay/cluster.yaml", "kubernetes", { from: "ReadWriteOnce]", to: "ReadWriteOnce" }],
  ["skypilot/cpus.yaml", "skypilot", { from: "num_nodes: 4", to: "num_nodes: four" }],
  ["skypilot/cpus.yaml", "skypilot", { from: "cpus: 16+", to: "cpu: 16+" }],
  ["skypilot/slice.yaml", "skypilot", { from: "secrets:", to: "secret:" }],
];

const OPERATORS: typeof FILES = [
  ["kuberay/cluster.yaml", "kubernetes", { from: "numOfHosts:", to: "hosts:" }],
  ["kuberay/cluster.yaml", "kubernetes", { from: "mode: token", to: "mode: tokens" }],
  ["kuberay/queue.yaml", "kubernetes", { from: "coveredResources:", to: "resources:" }],
];

describe.runIf(long)("launchers' files", () => {
  let python = "";
  let folder = "";

  beforeAll(async () => {
    python = await ensureLauncherChecks();
    folder = mkdtempSync(join(tmpdir(), "moegen-launchers-"));
    for (const launcher of launcherNames) {
      for (const [file, text] of launcherFiles(launcher, "v6e")) {
        const path = join(folder, launcher, file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      }
    }
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const check = async (file: string, kind: string, crds: readonly string[] = []) => {
    const script = join(root, "test", "launcher", "schemas.py");
    const env = { HOME: emptyFolder(), SKYPILOT_DISABLE_USAGE_COLLECTION: "1" };
    const { stdout } = await execa(python, [script, kind, join(folder, file), ...crds], { env });
    return JSON.parse(stdout.split("\n").at(-1) ?? "") as readonly string[];
  };

  const sees = async (
    file: string,
    kind: string,
    { from, to }: Fault,
    crds?: readonly string[],
  ) => {
    expect(await check(file, kind, crds)).toEqual([]);
    const text = readFileSync(join(folder, file), "utf8");
    expect(text).toContain(from);
    const wrong = `${file.slice(0, -".yaml".length)}-wrong.yaml`;
    writeFileSync(join(folder, wrong), text.replaceAll(from, to));
    const found = await check(wrong, kind, crds).catch((error: unknown) => [String(error)]);
    expect(found).not.toEqual([]);
  };

  it.each(FILES)("%s is what %s takes, which sees %o", (...args) => sees(...args));

  describe.runIf(crds)("of operators", () => {
    it.each(OPERATORS)("%s is what %s takes, which sees %o", (...args) =>
      sees(...args, crds === undefined ? [] : [crds]),
    );
  });
});
