/** One bucket on one device as a plan. */
import { dequantizationFor } from "../../kernel/feed-forward/dequantize.ts";
import { rowCountsAround } from "../../kernel/feed-forward/rules.ts";
import type { Frame, KernelInput, Load } from "../../kernel/frame.ts";
import { loadOf } from "../../kernel/load.ts";
import { bodyBuffers } from "../../kernel/memory/compiler.ts";
import { type Usage, usageOf } from "../../kernel/memory/usage.ts";
import { declaredBuffers, semaphoresOf, stagesOf, streamsOf } from "../../kernel/part.ts";
import { layoutOf } from "../../kernel/rows/layout.ts";
import { sharedOf, sharedTileOf } from "../../kernel/shared-experts/spread.ts";
import { trafficOf } from "../../kernel/traffic.ts";
import { tileShapeOf } from "../../kernel/weights/tile-shape.ts";
import type { Axis, Buffer, KernelPlan, PallasCall, Stream, Traffic } from "../../plan/plan.ts";
import { defined } from "../../spec/defined.ts";
import { deviceLayer, localExperts, sharedLayer } from "../../spec/formats.ts";
import { devicesOf } from "../../spec/mesh.ts";
import { onceFor } from "../../spec/once.ts";
import type { Device } from "../../target/device/device.ts";
import type { LowerInput } from "../schedule.ts";
import { betweenOf, callsOf, xlaBytes } from "./calls.ts";
import { composition } from "./composition.ts";
import { roundOf, sizesOf } from "./sizes.ts";
import { SUMS, sumComposition } from "./sums.ts";
import { asResults } from "./words.ts";

/** Slots where a spec names none, the most that fit: with three HBM has a next expert to read. */
const SLOTS = [4, 3, 2] as const;

/** What the kernel is worked out from, with so many columns of F in a tile and so many slots. */
function inputOf(asked: LowerInput, { bf, slots, streamed }: Weights): KernelInput {
  const { layer, ep, tp, device, devices, tiles, tokens } = asked;
  const routed = dequantizationFor(layer, devices);
  const shared = dequantizationFor(sharedLayer(layer), devices);
  return {
    ...{ layer, ep, ...defined({ tp }), device, layout: layoutOf(asResults(layer)) },
    sizes: sizesOf(devicesOf(asked), tokens),
    ...{ parts: 0, streamed, rows: "vmem", atOnce: 1, narrow: false },
    tiles: { bt: tiles.bt, bf, bd: tiles.bd, slots, early: 0, rowBlock: tiles.bt },
    ways: { routed, shared: layer.sharedExperts === undefined ? undefined : shared },
  };
}

/** Columns of F that a tile of weights has, in how many slots, and whether code is for tiles. */
interface Weights {
  readonly bf: number;
  readonly slots: number;
  readonly streamed: boolean;
}

/** How weights are held in so many slots: whole experts, or tiles of F. */
function weightsIn({ layer, tiles: { bf }, streamed = false }: LowerInput, slots: number): Weights {
  // Code for shared experts is for tiles alone: of routed ones that are whole there is one.
  const cut = streamed || bf < layer.intermediate || layer.sharedExperts !== undefined;
  return { bf, slots, streamed: cut };
}

/** VMEM and SMEM of a kernel: what it declares, and what the compiler adds: a tile is as a whole expert to it. */
function buffersOf(input: KernelInput, device: Device): readonly Buffer[] {
  const layer = { ...input.layer, intermediate: input.tiles.bf };
  const body = input.streamed ? { ...input, layer, streamed: false } : input;
  return [...declaredBuffers(composition, input), ...bodyBuffers(body, device)];
}

/** Times that an expert's weights are read: once, or where they come in tiles once for each row tile. */
function loadWith(kernel: KernelInput): Load {
  const once = loadOf(kernel, 1);
  if (!kernel.streamed) return once;
  return loadOf(kernel, Math.ceil(once.typicalRows / kernel.tiles.bt));
}

function axesOf(frame: Frame): readonly Axis[] {
  const { layer, ep, tp = 1, sizes, tiles, load, streamed } = frame;
  const { entries } = roundOf(layer, frame, sizes.tokens);
  const { intermediate } = layer;
  const axis = (name: string, size: number, tile: number, meaning: string): Axis => {
    return { name, size, tile, trips: Math.ceil(size / tile), meaning };
  };
  const rows = Math.ceil(load.rowsPerExpert);
  return [
    axis("ep", layer.experts, localExperts(layer, ep), "experts over devices"),
    ...(tp === 1
      ? []
      : [axis("tp", tp * intermediate, intermediate, "columns of an expert over devices")]),
    axis("entries", Math.ceil(load.routedRows), entries, "entries of a device over rounds"),
    axis("bt", rows, tiles.bt, "rows of the average active expert"),
    ...(streamed ? [axis("bf", intermediate, tiles.bf, "columns of F")] : []),
  ];
}

/** Copies of rows and sums that XLA's operations left in HBM, or take from there. */
const MOVED: ReadonlySet<string> = new Set([
  ...["rows_in", "row_scales_in", "results_out"],
  ...["shared_rows_in", "shared_scales_in", "shared_results_out"],
  ...["row_results_in", "shared_results_in", "sums_out"],
]);

/** The second Pallas call. */
function sumsCall(frame: Frame): PallasCall {
  return {
    ...{ kind: "pallas", name: SUMS, buffers: declaredBuffers(sumComposition, frame) },
    streams: streamsOf(sumComposition, frame),
    semaphores: semaphoresOf(sumComposition, frame),
    stages: stagesOf(sumComposition, frame),
  };
}

type Used = ReturnType<typeof usageOf>;

/** Of two calls, what the one takes that takes most. */
function mostOf(one: Used, other: Used): Used {
  const most = (space: "vmem" | "smem"): Usage =>
    other[space].used > one[space].used ? other[space] : one[space];
  return { vmem: most("vmem"), smem: most("smem") };
}

/** Traffic of the call: the kernel's, and of what XLA does around it. */
function trafficWith(
  frame: Frame,
  streams: readonly Stream[],
  buffers: readonly Buffer[],
): Traffic {
  const kernel = trafficOf(frame, streams, buffers);
  const moved = streams
    .filter(({ name }) => MOVED.has(name))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const { rows, sums } = betweenOf(frame);
  const hbm = kernel.hbm + moved + xlaBytes(frame);
  const devices = devicesOf(frame);
  const ici = ((rows + sums) * (devices - 1)) / devices;
  return { ...kernel, hbm, ici, intensity: kernel.flops / hbm };
}

/** Columns of a tile of the shared experts' weights; nothing where there are none. */
function sharedTileOfKernel(input: KernelInput): KernelPlan["tiles"]["own"] {
  const { layer, tiles } = input;
  const shared = sharedOf(layer, devicesOf(input));
  if (shared === undefined) return {};
  return { shared_tile: sharedTileOf(shared, tileShapeOf(layer, tiles)) };
}

/** What a kernel is worked out from, what it does, and the rows that bodies are for. */
interface Kernel {
  readonly kernel: KernelInput;
  readonly load: Load;
  readonly btc: readonly number[];
}

/** Asked for by what lowers it and by what times it. */
const kernels = onceFor<LowerInput, Kernel>();

/** With as many slots as fit, where the spec names none. */
export function kernelOf(asked: LowerInput): Kernel {
  return kernels(asked, "", () => madeOf(asked));
}

function madeOf(asked: LowerInput): Kernel {
  const input = { ...asked, layer: deviceLayer(asked.layer, asked) };
  const { layer, device, tiles } = input;
  const tried = (tiles.slots === undefined ? SLOTS : [tiles.slots]).map((count) =>
    inputOf(input, weightsIn(input, count)),
  );
  const fits = (one: KernelInput): boolean => {
    const { vmem } = usageOf(buffersOf(one, device), device);
    return vmem.used <= vmem.available;
  };
  const kernel = tried.find(fits) ?? inputOf(input, weightsIn(input, tiles.slots ?? 2));
  const load = loadWith(kernel);
  return { kernel, load, btc: tiles.btc ?? rowCountsAround(layer, tiles.bt, load.rowsPerExpert) };
}

/** The kernel with the tiles asked for; whether it fits is for others to judge. */
export function lower(asked: LowerInput): KernelPlan {
  const { device, tiles, tokens } = asked;
  const { kernel, load, btc } = kernelOf(asked);
  const frame: Frame = { ...kernel, load, btc };
  const buffers = buffersOf(kernel, device);
  const streams = streamsOf(composition, frame);
  const semaphores = semaphoresOf(composition, kernel);
  const stages = stagesOf(composition, frame);
  const sums = sumsCall(frame);
  const { bucket, upTo } = tiles;
  const { bt, bf, bd } = kernel.tiles;
  return {
    ...{ bucket, device: device.name, tokens, passes: 1, axes: axesOf(frame) },
    tiles: {
      ...{ bucket, upTo, bt, bf, bd, btc, slots: kernel.tiles.slots },
      ...{ streamed: kernel.streamed, own: sharedTileOfKernel(kernel) },
    },
    calls: callsOf(
      frame,
      { kind: "pallas", name: "fused_ep_moe", buffers, streams, semaphores, stages },
      sums,
    ),
    ...mostOf(usageOf(buffers, device), usageOf(sums.buffers, device)),
    traffic: trafficWith(frame, [...streams, ...sums.streams], buffers),
  };
}
