/** What results that are the same in any batch cost a kernel, beside the same layer without that. */
import { type Collected, secondsBetween } from "../../kernel/collectives/choose.ts";
import { allOf } from "../../plan/call.ts";
import type { KernelPlan, Plan } from "../../plan/plan.ts";
import { schedules } from "../../schedule/registry.ts";
import { deviceOf } from "../../target/device/registry.ts";

/** Remote copies of rows and of sums, by what they are together. */
const COLLECTIVES = { rows_out: "all_gather", sums_out: "reduce_scatter" } as const;

/** Seconds between devices in one call of a kernel: the links alone, as predicted. */
function linkSeconds(kernel: KernelPlan, ep: number): number {
  const device = deviceOf(kernel.device);
  const list = allOf(kernel).streams.flatMap(({ name, bytes, relays }): readonly Collected[] =>
    name === "rows_out" || name === "sums_out"
      ? [
          {
            collective: COLLECTIVES[name],
            bytes: bytes / (ep - 1),
            parts: relays?.parts ?? 0,
          },
        ]
      : [],
  );
  return secondsBetween(device, ep, list);
}

/** Rows that a product is made of where an expert has `rows`. */
function multiplied({ tiles }: KernelPlan, rows: number): number {
  const { bt, btc } = tiles;
  const rest = rows % bt;
  return Math.floor(rows / bt) * bt + (rest === 0 ? 0 : (btc.find((most) => rest <= most) ?? bt));
}

/** The same call of the same layer without the field, its row counts and transport left to the plan. */
function without(plan: Plan, { device, tokens, tiles }: KernelPlan): KernelPlan | undefined {
  const schedule = Object.values(schedules).find(({ kind }) => kind === plan.schedule);
  const { deterministic: _, ...layer } = plan.layer;
  const { btc: __, slots: ___, own: ____, ...chosen } = tiles;
  return schedule?.lower({
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
  if (free === undefined) return [];
  const { ep } = plan.mesh;
  const micro = (seconds: number): string => `${(seconds * 1e6).toFixed(1)} us`;
  const links =
    ep === 1
      ? []
      : [
          `rows and sums ${micro(linkSeconds(kernel, ep))} on the links as predicted, ${micro(linkSeconds(free, ep))} without`,
        ];
  const rows = kernel.axes.find(({ name }) => name === "bt")?.size ?? 1;
  const products = `products of ${multiplied(kernel, rows)} rows for the ${rows} of an expert, ${multiplied(free, rows)} without`;
  return [`  deterministic: ${[...links, products].join("; ")}`];
}
