/** Sums of the rows that came back to where those left from, and added to those of the tokens. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import { dma, FLOAT, ONE, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import type { Frame } from "../../kernel/frame.ts";
import { GROUP, UNROLL } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import type { Stream } from "../../plan/plan.ts";
import { crossingGroups } from "./expected.ts";
import { crossing } from "./rows-out.ts";

function sumsOutOf(frame: Frame): Stream {
  const copies = crossingGroups(frame) * frame.sizes.passes;
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
    bytes: copies * UNROLL * frame.load.partRowBytes,
    copies,
    ...(chipDevices(frame) > 1 ? { reach: "other chips" } : {}),
    meaning: "sums of rows back to their tokens' devices",
  };
}

function zeroSums({ passes }: Frame["sizes"]): Draft {
  return {
    name: "zero_sums",
    meaning: "clear the sums",
    reads: [],
    writes: ["token_sums"],
    per: "pass",
    trips: passes,
    loops: [{ over: "all tokens", each: GROUP }],
  };
}

function stages(frame: Frame): readonly Draft[] {
  const { layer, sizes } = frame;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const [peers, groups] = crossing(frame);
  const meaning = "all devices are done with the pass, before lists and rows of the next arrive";
  const between = { per: "pass", trips: sizes.passes - 1 } as const;
  return [
    zeroSums(sizes),
    {
      name: "return_sums",
      meaning: "sums of the rows that came, rounded, and to their tokens' devices",
      reads: ["token_sums", "rows_leaving", "rows_coming"],
      writes: ["token_rows", "runs"],
      waits: ["rows_out", "routes_out", ...(chipDevices(frame) > 1 ? ["sums_handed"] : [])],
      ...pass,
      loops: [peers, groups],
    },
    {
      name: "add_sums",
      meaning: "sums that come back added to those of own tokens",
      reads: ["runs", "leaving_tokens", "rows_leaving"],
      writes: ["token_sums"],
      ...pass,
      loops: [peers, groups],
      flops: crossingGroups(frame) * sizes.passes * UNROLL * layer.hidden,
    },
    ...(sizes.passes > 1 ? [meeting("pass_barrier", meaning, between)] : []),
  ];
}

export const sumsBack: Part = {
  buffers: ({ layout, sizes }) => [
    vmem(
      "token_sums",
      [
        ["(s.all_tokens + 1) * SUM_ROW", (sizes.allTokens + 1) * layout.sumRow],
        ["LANES", LANES],
      ],
      FLOAT,
      "weighted sums of local experts' results by row",
    ),
  ],
  semaphores: ({ ep }) =>
    ep === 1
      ? []
      : [
          dma("sums_sent", ONE, "sums left"),
          dma("sums_arrived", ["EP_SIZE", ep], "sums of a device arrived"),
        ],
  streams: (frame) => (frame.ep === 1 ? [] : [sumsOutOf(frame)]),
  stages: (frame) => (frame.ep === 1 ? [zeroSums(frame.sizes)] : stages(frame)),
};
