/** Within a chip of two devices: rows that one has go on to the other, and sums of those come back to it. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import { dma, ONE } from "../../kernel/declaration.ts";
import type { Frame } from "../../kernel/frame.ts";
import type { DraftLoop } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import type { Stream } from "../../plan/plan.ts";
import { handedGroups } from "./expected.ts";
import { runRows } from "./run-rows.ts";

/** One trip for each chip whose rows go on, or come on; and for each group of those. */
function handing(frame: Frame): readonly [DraftLoop, DraftLoop] {
  return [
    { over: "copies", each: 1, fixed: frame.ep / 2 },
    { over: "copies", each: 1, fixed: handedGroups(frame, runRows(frame)) },
  ];
}

function streams(frame: Frame): readonly Stream[] {
  const each = runRows(frame);
  const copies = handedGroups(frame, each) * frame.sizes.passes;
  const both = { from: "VMEM", to: "VMEM", remote: true, copies, reach: "own chip" } as const;
  const { sentRowBytes, partRowBytes } = frame.load;
  return [
    {
      ...both,
      name: "rows_handed",
      source: "runs",
      destination: "token_rows",
      issuedBy: "hand_on",
      awaitedBy: "await_rows",
      semaphore: "handed_rows_sent, handed_rows_arrived",
      bytes: copies * each * sentRowBytes,
      meaning: "token rows on to the other device of the chip",
    },
    {
      ...both,
      name: "sums_handed",
      source: "token_rows",
      destination: "runs",
      issuedBy: "hand_back",
      awaitedBy: "add_handed",
      semaphore: "handed_sums_sent, handed_sums_arrived",
      bytes: copies * each * partRowBytes,
      meaning: "sums of these rows back",
    },
  ];
}

function stages(frame: Frame): readonly Draft[] {
  const { sizes, layer } = frame;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const each = runRows(frame);
  const [chips, groups] = handing(frame);
  return [
    {
      name: "hand_on",
      meaning: "rows that the other device of the chip needs side by side, and on their way to it",
      reads: ["token_rows", "leaving_tokens", "rows_leaving"],
      writes: ["runs"],
      ...pass,
      loops: [chips, groups],
    },
    {
      name: "await_rows",
      meaning: "rows that the other device of the chip hands on are here",
      reads: ["rows_coming"],
      writes: ["token_rows"],
      ...pass,
      loops: [chips, groups],
    },
    {
      name: "hand_back",
      meaning: "sums of the rows that were handed on, rounded, and back to where they came from",
      reads: ["token_sums", "rows_coming"],
      writes: ["token_rows", "runs"],
      ...pass,
      loops: [chips, groups],
    },
    {
      name: "add_handed",
      meaning: "sums of the chip's other device added to those of the same rows here",
      reads: ["runs", "leaving_tokens", "rows_leaving"],
      writes: ["token_sums"],
      ...pass,
      loops: [chips, groups],
      flops: handedGroups(frame, each) * sizes.passes * each * layer.hidden,
    },
  ];
}

export const handed: Part = {
  semaphores: ({ ep, byNeed }) =>
    byNeed !== "chips"
      ? []
      : [
          dma("handed_rows_sent", ONE, "token rows went on to the other device of the chip"),
          dma("handed_rows_arrived", ["EP_SIZE", ep], "token rows of a device were handed on"),
          dma("handed_sums_sent", ONE, "sums left for the other device of the chip"),
          dma("handed_sums_arrived", ["EP_SIZE", ep], "sums of a device's rows came back"),
        ],
  streams: (frame) => (chipDevices(frame) > 1 ? streams(frame) : []),
  stages: (frame) => (chipDevices(frame) > 1 ? stages(frame) : []),
};
