/**
 * Where chips have two devices a row may go once to each chip, and from there on to the other device. The
 * worker reads which rounding that makes.
 */

import { goByNeed } from "../../plan/call.ts";
import type { ByNeed, Plan, TileChoice } from "../../plan/plan.ts";
import type { LowerInput, TileTable } from "../../schedule/schedule.ts";
import type { Device } from "../../target/device/device.ts";
import { deviceOf } from "../../target/device/registry.ts";
import type { KernelInput } from "../frame.ts";

/** Devices of a chip that rows from other chips reach together; without other chips there are none. */
export function chipDevices({
  device,
  ep,
}: {
  readonly device: Device;
  readonly ep: number;
}): 1 | 2 {
  const { devicesPerChip } = device.timing.ici;
  return devicesPerChip === 2 && ep % 2 === 0 && ep > 2 ? 2 : 1;
}

/** To whom rows go in the kernels of a package: where one kind of device has such chips, by chips in all. */
export function byNeedOf(kinds: LowerInput["devices"], ep: number): ByNeed {
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
