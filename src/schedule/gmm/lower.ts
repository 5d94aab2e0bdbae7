/** One bucket on one device as a plan. */
import { dequantizationFor } from "../../kernel/feed-forward/dequantize.ts";
import { defaultRowCounts } from "../../kernel/feed-forward/rules.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { loadOf } from "../../kernel/load.ts";
import { bodyBuffers } from "../../kernel/memory/compiler.ts";
import { usageOf } from "../../kernel/memory/usage.ts";
import { declaredBuffers, semaphoresOf, stagesOf, streamsOf } from "../../kernel/part.ts";
import { layoutOf } from "../../kernel/rows/layout.ts";
import { trafficOf } from "../../kernel/traffic.ts";
import type { Axis, Buffer, KernelPlan, Stream, Traffic } from "../../plan/plan.ts";
import { localExperts } from "../../spec/formats.ts";
import type { Device } from "../../target/device/device.ts";
import type { LowerInput } from "../schedule.ts";
import { betweenOf, callsOf, xlaBytes } from "./calls.ts";
import { composition } from "./composition.ts";
import { roundOf, sizesOf } from "./sizes.ts";

/** Slots where a spec names none, the most that fit: with three HBM has a next expert to read. */
const SLOTS = [4, 3, 2] as const;

/** What the kernel is worked out from, with so many slots. */
function inputOf({ layer, ep, device, devices, tiles, tokens }: LowerInput, slots: number) {
  const way = dequantizationFor(layer, devices);
  const input: KernelInput = {
    ...{ layer, ep, device, layout: layoutOf(layer), sizes: sizesOf(ep, tokens) },
    ...{ parts: 0, streamed: false, rows: "vmem", atOnce: 1, narrow: false },
    tiles: { bt: tiles.bt, bf: tiles.bf, bd: tiles.bd, slots, early: 0, rowBlock: tiles.bt },
    ways: { routed: way, shared: undefined },
  };
  return input;
}

/** VMEM and SMEM of a kernel: what it declares, and what the compiler adds. */
function buffersOf(input: KernelInput, device: Device): readonly Buffer[] {
  return [...declaredBuffers(composition, input), ...bodyBuffers(input, device)];
}

function axesOf({ layer, ep, sizes, tiles, load }: Frame): readonly Axis[] {
  const { entries } = roundOf(layer, ep, sizes.tokens);
  const axis = (name: string, size: number, tile: number, meaning: string): Axis => {
    return { name, size, tile, trips: Math.ceil(size / tile), meaning };
  };
  const rows = Math.ceil(load.rowsPerExpert);
  return [
    axis("ep", layer.experts, localExperts(layer, ep), "experts over devices"),
    axis("entries", Math.ceil(load.routedRows), entries, "entries of a device over rounds"),
    axis("bt", rows, tiles.bt, "rows of the average active expert"),
  ];
}

/** Traffic of the call: the kernel's, and of what XLA does around it. */
function trafficWith(
  frame: Frame,
  streams: readonly Stream[],
  buffers: readonly Buffer[],
): Traffic {
  const kernel = trafficOf(frame, streams, buffers);
  const moved = streams
    .filter(({ name }) => name === "rows_in" || name === "results_out")
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const { rows, sums } = betweenOf(frame);
  const hbm = kernel.hbm + moved + xlaBytes(frame);
  const ici = ((rows + sums) * (frame.ep - 1)) / frame.ep;
  return { ...kernel, hbm, ici, intensity: kernel.flops / hbm };
}

/** The kernel with the tiles asked for; whether it fits is for others to judge. */
export function lower(input: LowerInput): KernelPlan {
  const { layer, device, tiles, tokens } = input;
  const btc = tiles.btc ?? defaultRowCounts(layer, tiles.bt);
  const tried = (tiles.slots === undefined ? SLOTS : [tiles.slots]).map((count) =>
    inputOf(input, count),
  );
  const fits = (one: KernelInput): boolean => {
    const { vmem } = usageOf(buffersOf(one, device), device);
    return vmem.used <= vmem.available;
  };
  const kernel = tried.find(fits) ?? inputOf(input, tiles.slots ?? 2);
  const frame: Frame = { ...kernel, load: loadOf(kernel, 1), btc };
  const buffers = buffersOf(kernel, device);
  const streams = streamsOf(composition, frame);
  const semaphores = semaphoresOf(composition, kernel);
  const stages = stagesOf(composition, frame);
  const { bucket, upTo, bt, bf, bd } = tiles;
  return {
    ...{ bucket, device: device.name, tokens, passes: 1, axes: axesOf(frame) },
    tiles: {
      ...{ bucket, upTo, bt, bf, bd, btc, slots: kernel.tiles.slots },
      ...{ streamed: false, own: {} },
    },
    calls: callsOf(frame, {
      ...{ kind: "pallas", name: "fused_ep_moe", buffers, streams, semaphores, stages },
    }),
    ...usageOf(buffers, device),
    traffic: trafficWith(frame, streams, buffers),
  };
}
