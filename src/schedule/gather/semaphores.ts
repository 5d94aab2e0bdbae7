/** Semaphores of the kernel, declared once: for the plan and for the generated `scratch`. */
import type { Semaphore } from "../../plan/plan.ts";
import type { BufferInput, Dim } from "./declaration.ts";

export interface SemaphoreDeclaration {
  readonly name: string;
  readonly count: Dim;
  readonly meaning: string;
}

export function declareSemaphores(input: BufferInput): readonly SemaphoreDeclaration[] {
  const { ep, layer, tiles } = input;
  const devices: Dim = ["EP_SIZE", ep];
  const slots: Dim = ["s.tiles.slots", tiles.slots];
  const two: Dim = ["2", 2];
  const one: Dim = ["1", 1];
  const kernelRouting = layer.routing.where === "kernel";
  return [
    { name: "tokens_arrived", count: two, meaning: "token rows in staging" },
    ...(kernelRouting
      ? [{ name: "logits_arrived", count: one, meaning: "router logits in VMEM" }]
      : []),
    { name: "lists_moved", count: one, meaning: "routing data between VMEM and SMEM" },
    ...(ep > 1
      ? [
          { name: "rows_sent", count: one, meaning: "own token rows left" },
          { name: "rows_arrived", count: devices, meaning: "token rows of a device arrived" },
          { name: "routes_sent", count: one, meaning: "own routes left" },
          { name: "routes_arrived", count: devices, meaning: "routes of a device arrived" },
          { name: "sums_sent", count: one, meaning: "partial sums left" },
          { name: "sums_arrived", count: devices, meaning: "partial sums of a device arrived" },
        ]
      : []),
    { name: "gate_up_arrived", count: slots, meaning: "gate and up tile in its slot" },
    { name: "down_arrived", count: slots, meaning: "down tile in its slot" },
    ...(layer.biases === true
      ? [
          {
            name: "biases_arrived",
            count: input.streamed ? two : slots,
            meaning: "biases of an expert in their slot",
          },
        ]
      : []),
    { name: "output_written", count: two, meaning: "result rows left staging" },
  ];
}

export function toSemaphores(input: BufferInput): readonly Semaphore[] {
  const dma = declareSemaphores(input).map(
    ({ name, count, meaning }): Semaphore => ({ name, kind: "dma", count: count[1], meaning }),
  );
  if (input.ep === 1) return dma;
  const meaning = "every device has entered this call";
  return [{ name: "barrier", kind: "barrier", count: 1, meaning }, ...dma];
}
