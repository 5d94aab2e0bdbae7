/** What the templates of a kernel in passes say of its plan. */

import { goByNeed, isStreamed, rowsInHbm } from "../../plan/call.ts";
import type { Plan } from "../../plan/plan.ts";
import { defined } from "../../spec/defined.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { limitsOf } from "../api/pass-tiles.ts";
import { type Context, contextOf } from "../context.ts";
import type { Composition } from "../part.ts";
import { layoutOf } from "../rows/layout.ts";
import { takesNarrowRows } from "../rows/widening.ts";
import { sizesOf } from "./sizes.ts";

/**
 * What the templates of all parts are told, from the plan's first kernel and the kinds of all.
 * @throws RangeError for a plan without a kernel.
 */
export function passesContext(composition: Composition, plan: Plan): Context {
  const { layer, mesh, kernels } = plan;
  const [first] = kernels;
  if (first === undefined) throw new RangeError("the plan has no kernel");
  const limits = limitsOf(first.tiles.own);
  const inHbm = rowsInHbm(kernels);
  const names = kernels.map(({ device }) => device);
  return contextOf(composition, plan, {
    layer,
    layout: layoutOf(layer, inHbm),
    ep: mesh.ep,
    device: deviceOf(first.device),
    parts: first.tiles.own.parts ?? 0,
    sizes: sizesOf(layer, first.tokens, mesh.ep, limits.passTokens, first.tiles),
    tiles: { ...first.tiles, early: 0, rowBlock: limits.rowBlock },
    streamed: isStreamed(kernels),
    rows: first.tiles.rows ?? "vmem",
    atOnce: limits.atOnce,
    ...defined({ byNeed: goByNeed(kernels) }),
    narrow: takesNarrowRows(layer, names),
  });
}
