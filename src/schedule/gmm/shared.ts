/** Rows of tokens through the shared experts' columns of a device, before the routed experts. */
import { type Dim, dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { sharedRowScales } from "../../kernel/feed-forward/row-scales.ts";
import { rowMultiple } from "../../kernel/feed-forward/rules.ts";
import type { Frame } from "../../kernel/frame.ts";
import { GROUP, ROW_TILES, rows } from "../../kernel/loops.ts";
import { type Draft, NO_BLOCK, type Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { sharedBlocks } from "../../kernel/shared-experts/blocks.ts";
import { sharedTiles } from "../../kernel/shared-experts/buffers.ts";
import { sharedExpertsContext, sharedSpreadContext } from "../../kernel/shared-experts/context.ts";
import { type SharedLoad, sharedLoad } from "../../kernel/shared-experts/load.ts";
import { sharedStreamsOf } from "../../kernel/shared-experts/streams.ts";
import { sharedBuffers, sharedStreams, weightStreams } from "../../kernel/weights/scales.ts";
import type { Plan, Stage, Stream } from "../../plan/plan.ts";
import { sharedApart, sharedLayer, tokenRows, weightBytes } from "../../spec/formats.ts";
import { arrivesIn, heldBytes, scaleStream, widened } from "./operand.ts";
import { wordsOf } from "./words.ts";

/** A tile of columns goes through the body that has it whole. */
function blocksOf(plan: Plan): Readonly<Record<string, string>> {
  if (plan.layer.sharedExperts === undefined) return {};
  const body = "kernel/shared_experts/feed_forward/tiled";
  const rows = tokenRows(plan.layer) === undefined ? "plain" : "quantized";
  return {
    ...sharedBlocks(plan),
    shared_feed_forward: `${body}_${sharedApart(plan.layer) ? "apart" : "slots"}`,
    shared_gate:
      plan.layer.sharedExperts.gate === "sigmoid" ? `kernel/shared_experts/gate/${rows}` : NO_BLOCK,
  };
}

/** Rows in and results out, on the semaphores of the routed experts' row tiles: those come after. */
function rowStreams({ layer }: Frame, load: SharedLoad): readonly Stream[] {
  const moved = { remote: false, slots: 2 } as const;
  const [destination = ""] = arrivesIn(layer);
  const rowsIn: Stream = {
    ...{ name: "shared_rows_in", from: "HBM", to: "VMEM", source: "token_rows", destination },
    ...{ issuedBy: "shared_next_rows", awaitedBy: "await_shared_rows" },
    ...moved,
    copies: Math.ceil(load.rows / rowMultiple(layer)),
    bytes: load.rows * heldBytes(layer),
    semaphore: "rows_arrived",
    meaning: "token rows of the next row tile for the shared experts",
  };
  const scales = { name: "shared_scales_in", source: "token_scales", count: load.rows };
  return [
    rowsIn,
    ...scaleStream(layer, rowsIn, scales),
    {
      ...{ name: "shared_results_out", from: "VMEM", to: "HBM", source: "results" },
      ...{ destination: "shared_output", issuedBy: "write_shared_results" },
      ...moved,
      copies: Math.ceil(load.rows / GROUP),
      bytes: load.rows * 4 * LANES * wordsOf(layer).row,
      awaitedBy: "await_shared_results",
      semaphore: "results_left",
      meaning: "results of a row tile of the shared experts",
    },
  ];
}

function gateStream({ layer }: Frame): readonly Stream[] {
  if (layer.sharedExperts?.gate !== "sigmoid") return [];
  return [
    {
      ...{ name: "shared_gate_in", from: "HBM", to: "VMEM", remote: false },
      ...{ source: "shared_gate", destination: "shared_gate_row", semaphore: "gate_arrived" },
      ...{ issuedBy: "first_weights", awaitedBy: "await_gate", copies: 1 },
      bytes: 4 * layer.hidden,
      meaning: "gate of the shared experts' result",
    },
  ];
}

/** Bodies that whole row tiles and the last one take, with how many take each. */
function bodiesOf({ tiles: { bt }, btc }: Frame, { rows: all }: SharedLoad) {
  const taken = new Map<number, number>();
  const take = (count: number, times: number): void => {
    const body = btc.find((most) => count <= most);
    if (count > 0 && times > 0 && body !== undefined)
      taken.set(body, (taken.get(body) ?? 0) + times);
  };
  const padded = Math.ceil(all / GROUP) * GROUP;
  take(bt, Math.floor(padded / bt));
  take(padded % bt, 1);
  return [...taken].sort(([a], [b]) => a - b);
}

function stagesOf(frame: Frame, load: SharedLoad): readonly Draft[] {
  const { layer } = frame;
  const { gateUp, down } = sharedBuffers(layer);
  const overlaps = weightStreams(layer);
  const columns = load.tiles.columns;
  const tile = {
    per: "row tile",
    ...{ trips: load.rowTiles, overlaps },
    loops: [ROW_TILES, { ...rows(GROUP), all: load.rows }],
  } as const;
  const arrived = arrivesIn(layer);
  const inTile = { ...tile, loops: [ROW_TILES, { ...rows(rowMultiple(layer)), all: load.rows }] };
  const gated = layer.sharedExperts?.gate === "sigmoid";
  const gate = gated ? ["shared_gate_row"] : [];
  const scaled = sharedRowScales(frame);
  const weights = load.weightBytes.down / weightBytes(sharedLayer(layer));
  const stage = (name: string, meaning: string, reads: string[], writes: string[]): Draft => {
    return { name, meaning, reads, writes, ...tile };
  };
  const none: string[] = [];
  return [
    stage("shared_next_rows", "rows for the shared experts start", none, none),
    ...(gated
      ? [
          {
            ...{ name: "await_gate", meaning: "their gate is here" },
            per: "pass",
            ...{ reads: [], writes: ["shared_gate_row"], trips: 1 },
          } as const,
        ]
      : []),
    stage("await_shared_results", "results of the last tile but one have left", none, none),
    stage("await_shared_rows", "rows for the shared experts are here", none, [...arrived]),
    ...widened("shared_operand", layer, inTile),
    stage("zero_shared_sums", "sums of a row tile cleared", none, ["sums"]),
    {
      name: "await_shared",
      meaning: "a weight tile of the shared experts is here; the next one starts",
      reads: [],
      writes: [...gateUp, ...down],
      starts: [...sharedStreams(layer), ...weightStreams(layer)],
      per: "weight tile",
      trips: load.reads * columns,
    },
    ...bodiesOf(frame, load).map(
      ([count, times]): Draft => ({
        name: `shared_feed_forward_${count}`,
        place: "shared_products",
        meaning: `gate and up, activation and down of the shared experts, at most ${count} rows`,
        reads: [...new Set(["operand", ...scaled, ...gate, ...gateUp, ...down])],
        writes: ["sums"],
        per: "row tile",
        ...{ rows: count, trips: times * columns, overlaps },
        flops: 6 * weights * load.rows * Math.min(1, (count * times) / load.rows),
      }),
    ),
    stage("round_shared_results", "sums of a row tile rounded", ["sums"], ["results"]),
    stage("write_shared_results", "results start to leave", ["results"], ["output"]),
    {
      name: "last_shared_results",
      meaning: "results of the last row tiles have left",
      per: "pass",
      ...{ reads: [], writes: [], waits: ["shared_results_out"], trips: 1 },
      loops: [
        { over: "copies", each: 1, fixed: Math.min(2, load.rowTiles) },
        { over: "copies", each: 1, fixed: Math.ceil(frame.tiles.bt / GROUP) },
      ],
    },
  ];
}

/** Places of these stages, in the order in which they run. */
export const SHARED_ORDER = [
  ...["shared_next_rows", "await_gate", "await_shared_results", "await_shared_rows"],
  ...["shared_operand", "zero_shared_sums", "await_shared", "shared_products"],
  ...["round_shared_results", "write_shared_results", "last_shared_results"],
];

/** Whether a stage is one of these: in the first round alone. */
export function isShared({ name }: Pick<Stage, "name">): boolean {
  return SHARED_ORDER.includes(name) || name.startsWith("shared_feed_forward_");
}

export const shared: Part = {
  modules: ({ layer }) =>
    layer.sharedExperts === undefined
      ? []
      : [
          {
            name: "shared_experts",
            template: "gmm/streamed/shared_experts",
            more: sharedExpertsContext,
          },
        ],
  context: sharedSpreadContext,
  blocks: blocksOf,
  buffers: (input) => {
    const row: readonly Dim[] = [ONE, ["HIDDEN_SIZE", input.layer.hidden]];
    const gate = vmem("shared_gate_row", row, FLOAT, "gate of the shared experts' result");
    return [
      ...sharedTiles(input),
      ...(input.layer.sharedExperts?.gate === "sigmoid" ? [gate] : []),
    ];
  },
  semaphores: ({ layer }) =>
    layer.sharedExperts?.gate === "sigmoid"
      ? [dma("gate_arrived", ONE, "gate of the shared experts in its row")]
      : [],
  streams: (frame) => {
    const load = sharedLoad(frame);
    if (load === undefined) return [];
    return [...sharedStreamsOf(frame), ...rowStreams(frame, load), ...gateStream(frame)];
  },
  stages: (frame) => {
    const load = sharedLoad(frame);
    return load === undefined ? [] : stagesOf(frame, load);
  },
};
