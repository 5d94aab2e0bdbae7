/** Copies of the shared experts' weights: on their way from the kernel's entry. */
import { inHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { dma, ONE, type SemaphoreDeclaration } from "../declaration.ts";
import type { Frame, KernelInput } from "../frame.ts";
import { GROUP } from "../loops.ts";
import { LANES } from "../rows/layout.ts";
import { sharedBuffers } from "../weights/scales.ts";
import { tileStreams } from "../weights/tile-streams.ts";
import { rowsOnce, type SharedLoad, sharedLoad } from "./load.ts";

const STAGES = { issuedBy: "first_weights", awaitedBy: "await_shared" } as const;

/** All copies of the shared experts' weights and scales; none where there are none. */
export function sharedStreamsOf(frame: Frame): readonly Stream[] {
  const { layer, sizes } = frame;
  const { passes } = sizes;
  const load = sharedLoad(frame);
  if (load === undefined) return [];
  const { reads, tiles, weightBytes } = load;
  const buffers = sharedBuffers(layer);
  return [
    ...tileStreams(
      STAGES,
      {
        name: "shared_gate_up_in",
        source: "shared_gate_weights, shared_up_weights",
        destination: buffers.gateUp[0] ?? "",
        bytes: reads * weightBytes.gateUp,
        copies: 2 * reads * tiles.gateUp,
        tiles: (reads / passes) * tiles.gateUp,
        meaning: "this device's gate and up columns of the shared experts, from the start",
      },
      {
        name: "shared_down_in",
        source: "shared_down_weights",
        destination: buffers.down[0] ?? "",
        bytes: reads * weightBytes.down,
        copies: reads * tiles.down,
        tiles: (reads / passes) * tiles.down,
        meaning: "this device's down rows of the shared experts, from the start",
      },
    ),
    ...scaleStreams(frame, load),
    ...(inHbm(frame.rows) ? [rowsIn(frame, load)] : []),
    ...(frame.rows === "hbm with sums" ? sharedSums(frame, load) : []),
  ];
}

/** Token rows out of HBM, as many neighbours a copy as the loop takes: waited for where they start. */
function rowsIn(frame: Frame, load: SharedLoad): Stream {
  const rows = rowsOnce(frame, load);
  return {
    name: "shared_rows_in",
    from: "HBM",
    to: "VMEM",
    remote: false,
    source: "token_rows",
    destination: "gathered_rows",
    issuedBy: "shared_rows",
    awaitedBy: "shared_rows",
    semaphore: "shared_rows_gathered",
    bytes: rows * frame.load.sentRowBytes,
    copies: rows / GROUP,
    slots: 1,
    meaning: "token rows for the shared experts",
  };
}

/** Sums of a block's tokens out of HBM and back, as many neighbours a copy. */
function sharedSums({ layout }: Frame, { rows }: SharedLoad): readonly Stream[] {
  const each = {
    remote: false,
    bytes: rows * layout.sumPitch * LANES * 4,
    copies: rows / GROUP,
    slots: 1,
    awaitedBy: "shared_combine",
  } as const;
  return [
    {
      ...{ name: "shared_sums_in", from: "HBM", to: "VMEM", ...each },
      ...{ source: "token_sums", destination: "block_sums" },
      ...{ issuedBy: "bring_shared_sums", semaphore: "shared_sums_brought" },
      meaning: "sums of tokens that the shared experts add to",
    },
    {
      ...{ name: "shared_sums_back", from: "VMEM", to: "HBM", ...each },
      ...{ source: "block_sums", destination: "token_sums" },
      ...{ issuedBy: "shared_combine", semaphore: "shared_sums_kept" },
      meaning: "the same with their results added",
    },
  ];
}

/** Of the copies of rows, and of sums. */
export function sharedSemaphores({ layer, rows }: KernelInput): readonly SemaphoreDeclaration[] {
  if (layer.sharedExperts === undefined || !inHbm(rows)) return [];
  const ofRows = dma("shared_rows_gathered", ONE, "token rows for the shared experts side by side");
  if (rows !== "hbm with sums") return [ofRows];
  return [
    ofRows,
    dma("shared_sums_brought", ONE, "sums of tokens for the shared experts in block_sums"),
    dma("shared_sums_kept", ONE, "the same back in token_sums"),
  ];
}

/** The shared experts', with their tiles as well. */
function scaleStreams({ layer, sizes: { passes } }: Frame, load: SharedLoad): readonly Stream[] {
  const buffers = sharedBuffers(layer);
  const [, gateUp] = buffers.gateUp;
  const [, down] = buffers.down;
  if (gateUp === undefined || down === undefined) return [];
  const { reads, tiles, scaleBytes } = load;
  return tileStreams(
    STAGES,
    {
      name: "shared_gate_up_scales_in",
      source: "shared_gate_scale, shared_up_scale",
      destination: gateUp,
      bytes: reads * scaleBytes.gateUp,
      copies: 2 * reads * tiles.gateUp,
      tiles: (reads / passes) * tiles.gateUp,
      meaning: "scales of the shared experts' gate and up columns, with their tiles",
    },
    {
      name: "shared_down_scales_in",
      source: "shared_down_scale",
      destination: down,
      bytes: reads * scaleBytes.down,
      copies: reads * tiles.down,
      tiles: (reads / passes) * tiles.down,
      meaning: "scales of the shared experts' down rows, with their tiles",
    },
  );
}
