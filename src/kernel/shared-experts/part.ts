/** The shared experts: their weights' copies, and stages between the routes and the routed experts. */
import { sharedLayer, weightBytes } from "../../spec/formats.ts";
import { activationName } from "../api/layer.ts";
import { projectionBuffers } from "../feed-forward/part.ts";
import { sharedRowScales } from "../feed-forward/row-scales.ts";
import type { Frame } from "../frame.ts";
import { GROUP, ROW_TILES, rows, UNROLL } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { sharedBuffers, sharedStreams, weightStreams } from "../weights/scales.ts";
import { sharedBlocks } from "./blocks.ts";
import { sharedTiles } from "./buffers.ts";
import { sharedExpertsContext, sharedSpreadContext } from "./context.ts";
import { rowsOnce, type SharedLoad, sharedLoad } from "./load.ts";
import { isTiled, sharedOf } from "./spread.ts";
import { sharedSemaphores, sharedStreamsOf } from "./streams.ts";

const PLACE = "shared_experts";

/**
 * Bodies that are needed, with the row tiles of a pass that take each: whole tiles, and what is
 * left of own and of other tokens.
 */
function bodiesOf({
  layer,
  ep,
  sizes,
  tiles,
  streamed,
  btc,
  byNeed,
}: Frame): ReadonlyMap<number, number> {
  const blocks = sharedOf(layer, ep, byNeed)?.blocks ?? 1;
  const own = sizes.passTokens;
  const bodies = new Map<number, number>();
  const take = (count: number, times: number): void => {
    const body = btc.find((most) => count <= most);
    if (count === 0 || times === 0 || body === undefined) return;
    bodies.set(body, (bodies.get(body) ?? 0) + times);
  };
  for (const size of streamed ? [blocks * own] : [own, (blocks - 1) * own]) {
    take(tiles.bt, Math.floor(size / tiles.bt));
    take(size % tiles.bt, 1);
  }
  return new Map([...bodies].sort(([a], [b]) => a - b));
}

/** What all of its stages have in common. */
function common({ layer, ep }: Frame) {
  return { place: PLACE, overlaps: [...(ep > 1 ? ["rows_out"] : []), ...weightStreams(layer)] };
}

/** Where activated rows lie: the routed experts' are of another type where those are quantised. */
function activationsOf({ layer }: Frame): string {
  return layer.quantization?.activations === undefined ? "activations" : "shared_activations";
}

/** What a gate of the result reads. */
function gateOf({ layer }: Frame): readonly string[] {
  return layer.sharedExperts?.gate === "sigmoid" ? ["operand", "shared_gate_row"] : [];
}

/** The gate and up, activation and down of so many rows at most. */
function body(frame: Frame, load: SharedLoad, count: number, rowTiles: number): readonly Draft[] {
  const { layer, streamed } = frame;
  const buffers = sharedBuffers(layer);
  const weights = load.weightBytes.down / weightBytes(sharedLayer(layer));
  const flops = 2 * weights * load.rows * Math.min(1, (count * rowTiles) / load.rows);
  const each = { per: "row tile", rows: count, ...common(frame) } as const;
  const operands = ["operand", ...sharedRowScales(frame), ...buffers.gateUp];
  if (!streamed) {
    return [
      {
        name: `shared_feed_forward_${count}`,
        meaning:
          `gate and up projection of the shared experts, ${activationName(layer.activation)}, ` +
          `down projection, at most ${count} rows`,
        reads: [...new Set([...operands, ...gateOf(frame), ...buffers.down])],
        writes: ["result_tiles"],
        ...each,
        trips: rowTiles * load.tiles.columns,
        flops: 3 * flops,
      },
    ];
  }
  return [
    {
      name: `shared_gate_up_${count}`,
      meaning: `gate and up projection of the shared experts, at most ${count} rows`,
      reads: operands,
      writes: projectionBuffers(frame),
      ...each,
      trips: rowTiles * load.tiles.gateUp,
      flops: 2 * flops,
    },
    {
      name: `shared_down_${count}`,
      meaning: `down projection of the shared experts, at most ${count} rows`,
      reads: [activationsOf(frame), ...buffers.down],
      writes: ["result_tiles"],
      ...each,
      trips: rowTiles * load.tiles.down,
      flops,
    },
  ];
}

/** Sums in HBM are on their way while products run. */
function bringSums(frame: Frame, load: SharedLoad): readonly Draft[] {
  if (frame.rows !== "hbm with sums") return [];
  return [
    {
      name: "bring_shared_sums",
      meaning: "sums of a block's tokens start",
      reads: [],
      writes: [],
      per: "row tile",
      trips: load.reads,
      loops: [{ ...rows(GROUP), all: load.rows }],
      ...common(frame),
    },
  ];
}

function before(frame: Frame, load: SharedLoad): readonly Draft[] {
  const { layer, ep, streamed, byNeed } = frame;
  const { reads, tiles, rowTiles } = load;
  const spread = sharedOf(layer, ep, byNeed);
  const tiled = spread !== undefined && isTiled(spread, streamed);
  const { gateUp, down } = sharedBuffers(layer);
  return [
    {
      name: "await_shared",
      meaning: tiled
        ? "weight tiles of the shared experts are here; the next ones start"
        : "weights of the shared experts are here",
      reads: [],
      writes: [...gateUp, ...down],
      starts: tiled ? [...sharedStreams(layer), ...weightStreams(layer)] : [],
      place: PLACE,
      per: "weight tile",
      trips: reads * (streamed ? tiles.gateUp + tiles.down : tiles.columns),
      loops: [{ over: "columns", each: 1, around: true }],
    },
    {
      name: "shared_rows",
      meaning: "token rows as matrix operand, own ones first",
      reads: ["token_rows", "gathered_rows"],
      writes: ["gathered_rows", "operand", ...sharedRowScales(frame)],
      per: "row tile",
      trips: rowTiles * (streamed ? 1 : tiles.columns),
      loops: [ROW_TILES, { ...rows(GROUP), all: rowsOnce(frame, load) }],
      ...common(frame),
    },
    ...bringSums(frame, load),
  ];
}

function after(frame: Frame, load: SharedLoad): readonly Draft[] {
  const { layer, streamed } = frame;
  const { reads, tiles, rowTiles, rows: all } = load;
  const sums = frame.rows === "hbm with sums" ? "block_sums" : "token_sums";
  const combine: Draft = {
    name: "shared_combine",
    meaning: "results added to their tokens' sums",
    reads: ["result_tiles", sums],
    writes: [sums],
    per: "row tile",
    trips: streamed ? reads : rowTiles * tiles.columns,
    loops: [{ ...rows(UNROLL), all: rowsOnce(frame, load) }],
    flops: all * layer.hidden,
    ...common(frame),
  };
  if (!streamed) return [combine];
  const activation: Draft = {
    name: "shared_activation",
    meaning: `${activationName(layer.activation)} of gate and up of all rows at hand`,
    reads: [...projectionBuffers(frame), ...gateOf(frame)],
    writes: [activationsOf(frame)],
    per: "weight tile",
    trips: reads * tiles.columns,
    loops: [{ ...rows(GROUP), all: all * tiles.columns }],
    ...common(frame),
  };
  return [activation, combine];
}

export const sharedExperts: Part = {
  modules: ({ layer }) =>
    layer.sharedExperts === undefined
      ? []
      : [
          {
            name: "shared_experts",
            template: "kernel/shared_experts/shared_experts",
            more: sharedExpertsContext,
          },
        ],
  context: sharedSpreadContext,
  blocks: sharedBlocks,
  buffers: sharedTiles,
  semaphores: sharedSemaphores,
  streams: sharedStreamsOf,
  stages: (frame) => {
    const load = sharedLoad(frame);
    if (load === undefined) return [];
    const made = [...bodiesOf(frame)].flatMap(([count, tiles]) =>
      body(frame, load, count, tiles * frame.sizes.passes),
    );
    return [...before(frame, load), ...made, ...after(frame, load)];
  },
};
