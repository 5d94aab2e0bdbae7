/**
 * Rows and sums in HBM: rows of a run leave from where they lie, its sums return through VMEM a chunk of
 * them at a time, and a token's device adds those of each group of its tokens up, a group ahead.
 */
import { type Dim, dma, FLOAT, hbm, ONE, smem, TWO, vmem } from "../../kernel/declaration.ts";
import { meeting } from "../../kernel/devices/barrier.ts";
import type { Frame, KernelInput } from "../../kernel/frame.ts";
import { type DraftLoop, GROUP, PEERS, UNROLL } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import {
  stagedBuffers,
  stagedSemaphores,
  stagedSlots,
  stagedStreams,
  sumBytes,
  sumChunkOf,
} from "../../kernel/rows/staged-sums.ts";
import { packedPart, wordType } from "../../kernel/rows/types.ts";
import type { Stream } from "../../plan/plan.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import { crossingGroups } from "./expected.ts";
import { awaitRowsSent } from "./rows-out.ts";

const lanes: Dim = ["LANES", LANES];

/** Most devices that return sums of one token: MOST_RETURNS of the template. */
export function mostReturns({ topK }: Pick<LayerSpec, "topK">, ep: number): number {
  return Math.min(topK, ep - 1);
}

function buffers(input: KernelInput) {
  const { layer, layout, ep, sizes } = input;
  const held: Dim = ["(s.all_tokens + ROW_GROUP)", sizes.allTokens + GROUP];
  const along = (row: string, sublanes: number): Dim => [`${held[0]} * ${row}`, held[1] * sublanes];
  const rowsMeaning =
    "packed token rows of this device, of others by device, and some that no token owns";
  const sumsMeaning = "weighted sums of local experts' results by row, and some of no token's";
  const own = [
    hbm("token_rows", [along("ROW", layout.row), lanes], wordType(layout), rowsMeaning),
    hbm("token_sums", [along("SUM_PITCH", layout.sumPitch), lanes], FLOAT, sumsMeaning),
    ...stagedBuffers(input),
  ];
  if (ep === 1) return own;
  const part = packedPart(layer);
  const most = mostReturns(layer, ep);
  const returned: Dim = [`s.all_tokens * ${part}`, sizes.allTokens * layout.partRow];
  const group: Dim = [`ROW_GROUP * MOST_RETURNS * ${part}`, GROUP * most * layout.partRow];
  return [
    ...own,
    hbm("returned_sums", [returned, lanes], FLOAT, "packed sums that came back, by device"),
    vmem("returned_rows", [TWO, group, lanes], FLOAT, "those of a group of own tokens", 2),
    smem(
      "return_places",
      [["s.pass_tokens * MOST_RETURNS", sizes.passTokens * most]],
      "by own token: where its sums come back to",
    ),
    smem("return_counts", [["s.pass_tokens", sizes.passTokens]], "how many come back for each"),
    smem("rows_awaited", [ONE], "devices whose rows are here, in the order in which they come"),
    smem(
      "sums_returned",
      [ONE],
      "devices that have the sums of their rows back, in the same order",
    ),
  ];
}

function semaphores(input: KernelInput) {
  if (input.ep === 1) return stagedSemaphores(input);
  const slots = stagedSlots(input);
  return [
    ...stagedSemaphores(input),
    dma("run_sums_staged", slots, "sums of a run in staged_sums"),
    dma("run_sums_packed", slots, "packed sums of a run in token_sums"),
    dma("sums_sent", ONE, "packed sums left"),
    dma("sums_arrived", ["EP_SIZE", input.ep], "sums of a device arrived"),
    dma("returned_here", TWO, "sums that came back in returned_rows"),
  ];
}

/** Tokens of a chunk, and chunks of own tokens in a pass, of the runs that come or leave in it. */
function chunksOf(frame: Frame) {
  const { layout, sizes } = frame;
  const tokens = sumChunkOf(layout, sizes.chunk);
  const runs = frame.ep === 1 ? 0 : crossingGroups(frame, tokens);
  return { tokens, own: sizes.passTokens / tokens, runs };
}

function streams(frame: Frame): readonly Stream[] {
  const { passes } = frame.sizes;
  const { tokens, own, runs } = chunksOf(frame);
  // Of own tokens, and of rows that come.
  const staged = stagedStreams(frame, (own + runs) * tokens);
  if (frame.ep === 1) return staged;
  const bytes = frame.load.partRowBytes;
  const returned = crossingGroups(frame, UNROLL) * UNROLL * passes;
  return [
    ...staged,
    {
      ...{ name: "run_sums_in", from: "HBM", to: "VMEM", remote: false },
      ...{ source: "token_sums", destination: "staged_sums", semaphore: "run_sums_staged" },
      ...{ issuedBy: "return_sums", awaitedBy: "return_sums" },
      bytes: sumBytes(frame, runs * tokens * passes),
      copies: runs * passes,
      meaning: "sums of a run, to be packed",
    },
    {
      ...{ name: "packed_back", from: "VMEM", to: "HBM", remote: false },
      ...{ source: "staged_sums", destination: "token_sums", semaphore: "run_sums_packed" },
      ...{ issuedBy: "return_sums", awaitedBy: "return_sums" },
      bytes: runs * tokens * bytes * passes,
      copies: runs * passes,
      meaning: "the same packed, to leave from there",
    },
    {
      ...{ name: "sums_out", from: "HBM", to: "HBM", remote: true },
      ...{ source: "token_sums", destination: "returned_sums" },
      ...{ issuedBy: "return_sums", awaitedBy: "await_sums_back" },
      semaphore: "sums_sent, sums_arrived",
      bytes: runs * tokens * bytes * passes,
      copies: runs * passes,
      meaning: "sums of rows back to their tokens' devices",
    },
    {
      ...{ name: "returned_in", from: "HBM", to: "VMEM", remote: false },
      ...{ source: "returned_sums", destination: "returned_rows", semaphore: "returned_here" },
      ...{ issuedBy: "write_output", awaitedBy: "write_output" },
      bytes: returned * bytes,
      copies: returned,
      meaning: "sums that came back for a group of own tokens, one by one",
    },
  ];
}

/** Sums of the rows that came, back: beside the last expert's blocks of rows, and what is left after all. */
function returnStages(frame: Frame): readonly Draft[] {
  const { sizes, ep, load, tiles } = frame;
  const { runs } = chunksOf(frame);
  const peers = ep - 1;
  const rows = crossingGroups(frame, UNROLL) * UNROLL;
  // With each block but the first those before it leave.
  const last = 1 / Math.ceil(load.typicalRows / tiles.rowBlock);
  const copies = (fixed: number): DraftLoop => ({ over: "copies", each: 1, fixed });
  const part = (share: number): Pick<Draft, "sources" | "loops" | "trips"> => ({
    sources: "returned",
    trips: share * peers * sizes.passes,
    // One that counts chunks, and one over them; in it a loop over rows.
    loops: [copies(1 + runs / peers), copies(rows / UNROLL / peers)],
  });
  const common = {
    reads: ["token_sums", "rows_coming", "sums_returned"],
    writes: ["staged_sums", "token_sums", "returned_sums", "sums_returned"],
  };
  const leave = ["run_sums_in", "packed_back", "sums_out"];
  return [
    {
      name: "return_sums",
      place: "early_returns",
      meaning: "sums of devices whose rows are all through, packed, and back to them",
      ...common,
      per: "expert",
      ...part(1 - last),
    },
    {
      name: "last_returns",
      meaning: "the other devices' sums, packed, and back to them",
      ...common,
      starts: leave,
      waits: ["run_sums_in", "packed_back"],
      per: "pass",
      ...part(last),
    },
    awaitRowsSent(frame),
  ];
}

function stages(frame: Frame): readonly Draft[] {
  const { sizes, layer, ep } = frame;
  const pass = { per: "pass", trips: sizes.passes } as const;
  const { own, runs } = chunksOf(frame);
  const copies = (fixed: number): DraftLoop => ({ over: "copies", each: 1, fixed });
  const zero: Draft = {
    name: "zero_sums",
    meaning: "clear the sums of own tokens and of rows that come",
    reads: ["rows_coming"],
    writes: ["staged_sums", "token_sums"],
    ...pass,
    loops: [copies(own), copies(runs)],
  };
  if (ep === 1) return [{ ...zero, reads: [], loops: [copies(own)] }];
  const meaning = "all devices are done with the pass, before lists and rows of the next arrive";
  const between = { per: "pass", trips: sizes.passes - 1 } as const;
  const rows = crossingGroups(frame, UNROLL) * UNROLL;
  return [
    zero,
    ...returnStages(frame),
    {
      name: "list_returns",
      meaning: "where the sums of each own token come back to",
      reads: ["leaving_tokens", "rows_leaving"],
      writes: ["return_places", "return_counts"],
      ...pass,
      loops: [copies(ep - 1 + sizes.passTokens / GROUP), copies(rows)],
    },
    {
      name: "await_sums_back",
      meaning: "sums of own tokens are back from all devices, and those of others have left",
      reads: ["rows_leaving", "rows_coming"],
      writes: ["returned_sums"],
      ...pass,
      loops: [PEERS, copies(runs)],
      flops: rows * sizes.passes * layer.hidden,
    },
    ...(sizes.passes > 1 ? [meeting("pass_barrier", meaning, between)] : []),
  ];
}

/** A stage that writes results: sums that came back are added to those of each group of own tokens. */
export function writesReturned(draft: Draft, frame: Frame): Draft {
  const { name, loops = [] } = draft;
  if (name !== "write_output" || frame.ep === 1 || frame.rows !== "hbm with sums") return draft;
  const rows: DraftLoop = {
    over: "copies",
    each: 1,
    fixed: crossingGroups(frame, UNROLL) * UNROLL,
  };
  return {
    ...draft,
    reads: ["token_sums", "returned_sums", "return_places", "return_counts"],
    writes: ["returned_rows", ...draft.writes],
    loops: [...loops, { over: "own tokens", each: 1 }, rows],
  };
}

/** Of kernels whose rows and sums lie there. */
export const sumsInHbm: Required<Pick<Part, "buffers" | "semaphores" | "streams" | "stages">> = {
  buffers,
  semaphores,
  streams,
  stages,
};
