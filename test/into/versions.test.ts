/**
 * The proof on any version of sgl-jax: epmoe and the generated kernel give the same greedy tokens. It
 * runs on the checkouts and unpacked releases that MOEGEN_SGLJAX_VERSIONS names, with `:` between
 * them, a minute each, and says loudly where there is none.
 */
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { emptyFolder } from "../cli/moegen.ts";
import { build, caseOf, FOUR, specFor } from "./checkouts.ts";
import { decode, type Job } from "./decode.ts";
import { record } from "./survey/decoded.ts";

const named = (process.env.MOEGEN_SGLJAX_VERSIONS ?? "").split(":").filter((one) => one !== "");
if (named.length === 0) {
  console.warn("SKIPPED: the proof on any version; set MOEGEN_SGLJAX_VERSIONS to folders of some");
}

/** Of those with an environment here, the JAX that a version pins, in its pyproject.toml or beside its package. */
function pinned(version: string): string {
  const beside = readdirSync(version).find((name) => name.endsWith(".dist-info"));
  const file = beside === undefined ? join("python", "pyproject.toml") : join(beside, "METADATA");
  const pin = /jax(?:\[\w+\])?(?:==|(?<any>~=))(?<jax>[\d.]+)/.exec(
    readFileSync(join(version, file), "utf8"),
  )?.groups;
  const asked = pin?.jax ?? "";
  // "~=0.8.0" is any 0.8.
  const minor = asked.slice(0, asked.lastIndexOf(".") + 1);
  const jax = ["0.8.1", "0.10.2"].find((one) =>
    pin?.any === undefined ? one === asked : one.startsWith(minor),
  );
  if (jax === undefined) throw new Error(`${version}: ${file} pins no JAX of an environment here`);
  return jax;
}

test.skipIf(named.length > 0)("versions are named by nobody here", () => {
  expect(named).toEqual([]);
});

describe.each(named)("%s", (version) => {
  test("the same tokens from epmoe and from the generated kernel", {
    timeout: 900_000,
  }, async () => {
    const sources = existsSync(join(version, "python")) ? "python" : "";
    const tree = emptyFolder();
    const parts = sources === "" ? ["sgl_jax"] : ["python", "test/srt/run_suite.py", "benchmark"];
    for (const part of parts.filter((one) => existsSync(join(version, one)))) {
      cpSync(join(version, part), join(tree, part), { recursive: true });
    }
    const tiny = caseOf("qwen3_moe", "bfloat16");
    const built = await build(tree, [specFor(tiny, 4)]);
    expect([built.code, built.stderr]).toEqual([0, expect.any(String)]);
    const own = readFileSync(join(tree, sources, "sgl_jax/srt/server_args.py"), "utf8");
    const backend = own.includes('"fused_generated"') ? "fused_generated" : "fused";
    const jobs: readonly Job[] = ["epmoe", backend].map((asked) => ({
      ...tiny,
      ...FOUR,
      backend: asked,
    }));
    const answers = await decode(join(tree, sources), pinned(version), jobs);
    const [epmoe, fused] = answers;
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(fused?.backend).toBe(backend);
    expect(fused?.ids).toEqual(epmoe?.ids);
    expect(epmoe?.ids?.[0]).toHaveLength(tiny.tokens);
    await record(version, pinned(version), { ...tiny, ...FOUR, backend });
    console.info(`${basename(version)}: ${backend}, ${tiny.tokens} ids`);
  });
});
