/** What a generated package says itself of each entry of its tile table, called as its users do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { emitPackage } from "../../src/emit/index.ts";
import { checkoutEnvironment, interpreterOf } from "../../src/house/python-env.mjs";
import type { Plan } from "../../src/plan/plan.ts";
import { writePackage } from "../../src/runner/local.ts";

const WORKER = fileURLToPath(new URL("../../python/", import.meta.url));

/**
 * Shapes alone: the kernel's body is not traced, all that Python does before it is run. The arrays
 * are those that the worker makes of the layer, not those that the package states.
 */
const CALL = `
import json, sys
import jax
import jax.numpy as jnp
from jax.experimental import pallas
from jax.sharding import AbstractMesh
from moegen_worker.package import arguments, loading

def pallas_call(*_, out_shape, **__):
    return lambda *arrays: jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), out_shape)

pallas.pallas_call = pallas_call
refused = {}
for index, (folder, layer) in enumerate(json.load(sys.stdin)):
    moe = loading.load(folder)
    sizes = sum(((1,) * (len(axes) - 1) + (count,) for axes, count in moe.axis_groups), ())
    mesh = AbstractMesh(sizes, moe.axes)
    for kind, entries in moe.tiles.TILE_TABLE.items():
        for tiles in entries:
            arrays = [
                jax.ShapeDtypeStruct(one.shape, one.dtype)
                for one in arguments.of(moe, layer, tiles.up_to)
            ]
            try:
                made = jax.eval_shape(
                    lambda *all: moe.kernel.fused_ep_moe(mesh, *all, tiles=tiles), *arrays
                )
                assert made.shape == arrays[0].shape, made.shape
            except Exception as error:
                refused[index] = f"{kind}, {tiles.up_to} tokens: {type(error).__name__}: {error}"
print(json.dumps(refused))
`;

/** Number of a plan → what its own package says of one of its calls; empty when all is well. */
export async function refusals(plans: readonly Plan[]): Promise<ReadonlyMap<number, string>> {
  const folder = mkdtempSync(join(tmpdir(), "moegen-own-checks-"));
  try {
    const calls: [folder: string, layer: unknown][] = [];
    for (const [index, plan] of plans.entries()) {
      const at = join(folder, `p${index}`);
      await writePackage(await emitPackage(plan), at, plan.name);
      calls.push([join(at, plan.name), plan.layer]);
    }
    const { stdout } = await execa(interpreterOf(checkoutEnvironment), ["-c", CALL], {
      input: JSON.stringify(calls),
      env: { PYTHONPATH: WORKER, JAX_PLATFORMS: "cpu" },
    });
    const refused: unknown = JSON.parse(stdout);
    const entries = Object.entries(refused as Readonly<Record<string, string>>);
    return new Map(entries.map(([index, why]) => [Number(index), why]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
