/**
 * Where chips have two devices a row may go once to each chip, and from there on to the other device. The
 * worker reads which rounding that makes.
 */

import { goByNeed } from "../../plan/call.ts";
import type { ByNeed, Plan, TileChoice } from "../../plan/plan.ts";
import type { LowerInput, TileTable } from "../../schedule/schedule.ts";
import { deviceOf } from "../../target/device/registry.ts";
import type { KernelInput } from "../frame.ts";
import { sumsGoStraight } from "../rows/types.ts";

/** Devices of a chip that rows from other chips reach together; without other chips there are none. */
export function chipDevices({
  device,
  ep,
  byNeed = "chips",
}: Pick<KernelInput, "device" | "ep" | "byNeed">): 1 | 2 {
  const { devicesPerChip } = device.timing.ici;
  return byNeed === "chips" && devicesPerChip === 2 && ep % 2 === 0 && ep > 2 ? 2 : 1;
}

/**
 * To whom rows go in the kernels of a package: where one kind of device has such chips, by chips in all. In a
 * deterministic one each device's sums are rounded alone, so that no chip adds any.
 */
export function byNeedOf({
  layer,
  devices: kinds,
  ep,
}: Pick<LowerInput, "layer" | "devices" | "ep">): ByNeed {
  if (sumsGoStraight(layer)) return "devices";
  const paired = kinds.some((kind) => chipDevices({ device: deviceOf(kind), ep }) > 1);
  return paired ? "chips" : "devices";
}

/** As the plan and the tile table have it. */
export function chipTile(input: Pick<KernelInput, "device" | "ep" | "byNeed">): TileChoice["own"] {
  return input.byNeed === "chips" ? { chip_devices: chipDevices(input) } : {};
}

/** Field and rule; nothing where no kind of device has two on a chip. */
export function chipTiles({ kernels }: Plan): TileTable {
  if (goByNeed(kernels) !== "chips") return { fields: [], rules: [] };
  return {
    fields: [
      {
        name: "chip_devices",
        type: "int",
        meaning: "devices of a chip that a row goes to once; 1: once to each device that needs it",
      },
    ],
    rules: [{ name: "chip_devices", python: "self.chip_devices in (1, 2)", text: "1 or 2" }],
  };
}
