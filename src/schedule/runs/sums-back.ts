/** Sums of the rows that came back to where those left from, and added to those of the tokens. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import { type Dim, dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import type { Frame } from "../../kernel/frame.ts";
import { UNROLL } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { zeroSums } from "../../kernel/passes/zero-sums.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import {
  narrowSums,
  packedSums,
  type SumGroup,
  sumsModule,
} from "../../kernel/rows/partial-sums.ts";
import { sumsGoStraight } from "../../kernel/rows/types.ts";
import { inHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { crossingGroups } from "./expected.ts";
import { awaitRowsSent, crossing } from "./rows-out.ts";
import { runRows } from "./run-rows.ts";
import { sumsInHbm } from "./sums-in-hbm.ts";

function sumsOutOf(frame: Frame): Stream {
  const each = runRows(frame);
  const copies = crossingGroups(frame, each) * frame.sizes.passes;
  return {
    name: "sums_out",
    from: "VMEM",
    to: "VMEM",
    remote: true,
    source: "token_rows",
    destination: "runs",
    issuedBy: "return_sums",
    awaitedBy: "add_sums",
    semaphore: "sums_sent, sums_arrived",
    bytes: copies * each * frame.load.partRowBytes,
    copies,
    ...(chipDevices(frame) > 1 ? { reach: "other chips" } : {}),
    meaning: "sums of rows back to their tokens' devices",
  };
}

function addSums(frame: Frame): Draft {
  const { layer, sizes } = frame;
  const [peers, groups] = crossing(frame);
  const each = runRows(frame);
  const arrived = crossingGroups(frame, each);
  const of = {
    name: "add_sums",
    reads: ["runs", "leaving_tokens", "rows_leaving"],
    per: "pass",
    trips: sizes.passes,
  } as const;
  if (!sumsGoStraight(layer)) {
    const meaning = "sums that come back added to those of own tokens";
    const flops = arrived * sizes.passes * each * layer.hidden;
    return { ...of, meaning, writes: ["token_sums"], loops: [peers, groups], flops };
  }
  const packed = narrowSums(layer) ? ["packed_sums"] : [];
  const own = sizes.passTokens / each;
  return {
    ...of,
    meaning: "own sums rounded too, and all added up in the order of the devices",
    writes: [...packed, "token_rows", "runs", "leaving_tokens", "rows_leaving", "token_sums"],
    loops: [
      { over: "own tokens", each },
      { over: "copies", each: 1, fixed: arrived + own },
    ],
    flops: (arrived + own) * sizes.passes * each * layer.hidden,
  };
}

function stages(frame: Frame): readonly Draft[] {
  const { layer, sizes } = frame;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const [peers, groups] = crossing(frame);
  const meaning = "all devices are done with the pass, before lists and rows of the next arrive";
  const between = { per: "pass", trips: sizes.passes - 1 } as const;
  const packed = narrowSums(layer) ? ["packed_sums"] : [];
  return [
    zeroSums(frame),
    {
      name: "return_sums",
      meaning: "sums of the rows that came, rounded, and to their tokens' devices",
      reads: ["token_sums", "rows_coming"],
      writes: [...packed, "token_rows", "runs"],
      ...pass,
      loops: [peers, groups],
    },
    awaitRowsSent(frame),
    addSums(frame),
    ...(sizes.passes > 1 ? [meeting("pass_barrier", meaning, between)] : []),
  ];
}

/** Sums that are quantised together: a copy takes as many. */
const TOGETHER: SumGroup = ["UNROLL", UNROLL];

export const sumsBack: Part = {
  modules: ({ layer, mesh: { ep } }) =>
    ep > 1 && narrowSums(layer) ? [sumsModule(layer, TOGETHER, false)] : [],
  buffers: (input) => {
    if (inHbm(input.rows)) return sumsInHbm.buffers(input);
    const { layer, layout, ep, sizes } = input;
    const sublanes = (sizes.allTokens + 1) * layout.sumRow;
    const dims: readonly Dim[] = [
      ["(s.all_tokens + 1) * SUM_ROW", sublanes],
      ["LANES", LANES],
    ];
    return [
      ...(ep > 1 && narrowSums(layer) ? [packedSums(input, TOGETHER)] : []),
      vmem("token_sums", dims, FLOAT, "weighted sums of local experts' results by row"),
    ];
  },
  semaphores: (input) => {
    if (inHbm(input.rows)) return sumsInHbm.semaphores(input);
    const { ep } = input;
    return ep === 1
      ? []
      : [
          dma("sums_sent", ONE, "sums left"),
          dma("sums_arrived", ["EP_SIZE", ep], "sums of a device arrived"),
        ];
  },
  streams: (frame) => {
    if (inHbm(frame.rows)) return sumsInHbm.streams(frame);
    return frame.ep === 1 ? [] : [sumsOutOf(frame)];
  },
  stages: (frame) => {
    if (inHbm(frame.rows)) return sumsInHbm.stages(frame);
    return frame.ep === 1 ? [zeroSums(frame)] : stages(frame);
  },
};
