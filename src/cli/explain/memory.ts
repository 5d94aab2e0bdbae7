/** Which kinds of device have HBM enough for the experts, and why. */
import type { DeviceMemory, ExpertMemory, ModelMemory } from "../../lower/hbm.ts";
import { bytes, plural, table } from "../format.ts";
import type { Paint } from "../output.ts";

/** A heading, the weights' bytes, then a table with one row a kind of device. */
export function memoryLines(memory: ExpertMemory, paint: Paint): readonly string[] {
  const { total, shared, layers } = memory;
  const one = `${bytes(total)} a layer${shared > 0 ? `, ${bytes(shared)} of it shared experts` : ""}`;
  const all = layers === null ? "" : `; ${plural(layers, "layer")} ${bytes(layers * total)}`;
  const rows = memory.devices.map((device) => [
    device.device,
    bytes(device.hbmBytes),
    device.enough === null ? "" : device.enough ? "enough" : "too little",
    reason(device, memory),
  ]);
  return [
    paint.bold("HBM  (weights of the experts on one device; attention and KV cache come on top)"),
    `  ${one}${all}`,
    ...table(COLUMNS, rows),
  ];
}

const COLUMNS = [
  { title: "device" },
  { title: "HBM", align: "right" as const },
  { title: "" },
  { title: "" },
];

/** The same of a model whose layers are of several kinds, all of them together. */
export function modelMemoryLines(memory: ModelMemory, paint: Paint): readonly string[] {
  const { total, layers, devices } = memory;
  const rows = devices.map(({ device, hbmBytes, enough }) => [
    device,
    bytes(hbmBytes),
    enough === true ? "enough" : "too little",
    enough === true
      ? `${bytes(hbmBytes - total)} left`
      : `${bytes(total - hbmBytes)} more are needed`,
  ]);
  return [
    paint.bold("HBM of all kinds  (weights of the experts on one device)"),
    `  ${plural(layers, "layer")} ${bytes(total)}`,
    ...table(COLUMNS, rows),
  ];
}

function reason({ hbmBytes, layersHeld, enough }: DeviceMemory, memory: ExpertMemory): string {
  const { layers, total } = memory;
  if (layers === null || enough === null) return `holds ${plural(layersHeld, "layer")}`;
  if (!enough) return `holds ${layersHeld} of ${plural(layers, "layer")}`;
  return `${bytes(hbmBytes - layers * total)} left`;
}
