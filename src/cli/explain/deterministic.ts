/** What results that are the same in any batch cost a kernel, beside the same layer without that. */
import { secondsBetween } from "../../kernel/collectives/choose.ts";
import { allOf } from "../../plan/call.ts";
import type { KernelPlan, Plan } from "../../plan/plan.ts";
import { scheduleOf } from "../../schedule/registry.ts";
import { deviceOf } from "../../target/device/registry.ts";

/** Seconds of all copies between devices in one call, one after the other: the links alone, as predicted. */
function linkSeconds(kernel: KernelPlan, ep: number): number {
  // Straight, what is gathered and what is scattered load the links alike.
  const straight = { collective: "all_gather", parts: 0 } as const;
  const list = allOf(kernel)
    .streams.filter(({ remote }) => remote)
    .map(({ bytes, relays = straight }) => ({
      ...{ collective: relays.collective, parts: relays.parts },
      bytes: bytes / (ep - 1),
    }));
  return secondsBetween(deviceOf(kernel.device), ep, list);
}

/** Rows that a product is made of where an expert has `rows`. */
function multiplied({ tiles }: KernelPlan, rows: number): number {
  const { bt, btc } = tiles;
  const rest = rows % bt;
  return Math.floor(rows / bt) * bt + (rest === 0 ? 0 : (btc.find((most) => rest <= most) ?? bt));
}

/** The same call of the same layer without the field, its row counts and transport left to the plan. */
function without(plan: Plan, { device, tokens, tiles }: KernelPlan): KernelPlan {
  const { deterministic: _, ...layer } = plan.layer;
  const { btc: __, slots: ___, own: ____, ...chosen } = tiles;
  return scheduleOf(plan.schedule).lower({
    layer,
    ep: plan.mesh.ep,
    devices: plan.kernels.map((kernel) => kernel.device),
    device: deviceOf(device),
    tiles: chosen,
    tokens,
    streamed: tiles.streamed,
  });
}

/** One line on a deterministic kernel; none on others. */
export function deterministicLines(plan: Plan, kernel: KernelPlan): readonly string[] {
  if (plan.layer.deterministic !== true) return [];
  const free = without(plan, kernel);
  const { ep } = plan.mesh;
  const micro = (seconds: number): string => `${(seconds * 1e6).toFixed(1)} us`;
  const links =
    ep === 1
      ? []
      : [
          `copies between devices ${micro(linkSeconds(kernel, ep))} on the links as predicted, ${micro(linkSeconds(free, ep))} without`,
        ];
  const rows = kernel.axes.find(({ name }) => name === "bt")?.size ?? 1;
  const products = `products of ${multiplied(kernel, rows)} rows for the ${rows} of an expert, ${multiplied(free, rows)} without`;
  return [`  deterministic: ${[...links, products].join("; ")}`];
}
