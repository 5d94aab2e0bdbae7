/** What `moegen compile` compiles where nobody says; with a worker that needs no compiler. */
import { expect, it } from "vitest";
import { checkFile } from "../../src/check/index.ts";
import { faulty } from "../sweep/faulty.ts";
import { emptyFolder, moegen, onlyObject, qwen } from "./moegen.ts";

it("compiles the largest T of each bucket, and says so", async () => {
  const cwd = emptyFolder();
  const { plan } = await checkFile(qwen);
  const buckets = plan?.kernels.filter(({ device }) => device === "v6e") ?? [];
  const ran = await moegen(["compile", qwen, "--device", "v6e", "--json"], {
    cwd,
    env: faulty(cwd, []),
  });
  expect(ran.code).toBe(0);
  expect(onlyObject(ran).targets).toMatchObject(
    buckets.map(({ bucket, tiles }) => ({ bucket, tokens: tiles.upTo })),
  );
  expect(ran.stderr).toContain("the largest T of each bucket");
});

it("compiles the token counts that it is given, and no other", async () => {
  const cwd = emptyFolder();
  const args = ["compile", qwen, "--device", "v6e", "--tokens", "7,300", "--json"];
  const ran = await moegen(args, { cwd, env: faulty(cwd, []) });
  expect(onlyObject(ran).targets).toMatchObject([{ tokens: 7 }, { tokens: 300 }]);
  expect(ran.stderr).not.toContain("each bucket");
});

it.each(["compile", "explain"])(
  "%s refuses a device that lacks the weights' type",
  async (name) => {
    const spec = qwen.replace("qwen3-30b-a3b", "gpt-oss-120b-fp4");
    const ran = await moegen([name, spec, "--device", "v7x,v5e", "--json"]);
    expect(ran.code).toBe(64);
    expect(onlyObject(ran)).toMatchObject({
      error: { message: expect.stringMatching(/v5e has no products.*MOE127.*nearest legal: v7x/) },
    });
  },
);
