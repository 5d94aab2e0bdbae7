/** All-gather of token rows: every device receives all rows of a pass. */
import { relaysOf, tablesOf } from "../../kernel/collectives/part.ts";
import { type BufferDeclaration, type Dim, dma, hbm, ONE, vmem } from "../../kernel/declaration.ts";
import { type Frame, type KernelInput, passesOverlap, passSlots } from "../../kernel/frame.ts";
import { GROUP } from "../../kernel/loops.ts";
import type { Draft, Part } from "../../kernel/part.ts";
import { routesAll } from "../../kernel/routing/all-tokens.ts";
import { LANES } from "../../kernel/rows/layout.ts";
import { heldRows, wordType } from "../../kernel/rows/types.ts";
import { inHbm, withSums } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";

function rowsOutOf(frame: Frame): Stream {
  const { ep, sizes, load, rows } = frame;
  const { cuts } = tablesOf(frame);
  const bytes = sizes.sentTokens * sizes.passes * load.sentRowBytes;
  const space = inHbm(rows) ? "HBM" : "VMEM";
  return {
    name: "rows_out",
    from: space,
    to: space,
    remote: true,
    source: "token_rows",
    destination: "token_rows",
    issuedBy: "all_gather_rows",
    awaitedBy: "await_rows",
    semaphore: "rows_sent, rows_arrived",
    bytes: (ep - 1) * bytes,
    copies: (ep - 1) * sizes.passes * cuts,
    relays: relaysOf(frame, "all_gather", bytes / cuts),
    meaning: "token rows to every other device",
  };
}

function stagesOf(frame: Frame): readonly Draft[] {
  const { own, early, gather } = tablesOf(frame);
  const overlap = passesOverlap(frame);
  const pass = { per: "pass", trips: frame.sizes.passes } as const;
  const steps = (fixed: number) => [{ over: "copies", each: 1, fixed }] as const;
  return [
    {
      name: "all_gather_rows",
      meaning: "start sending own rows",
      reads: ["token_rows"],
      writes: [],
      ...pass,
      loops: steps(own),
      relays: { stream: "rows_out", steps: "own" },
      overlaps: routesAll(frame.sizes, frame.ep)
        ? ["await_logits", "route", "sort_all", "active_experts", "zero_sums"]
        : ["route", "sort", "send_routes", "exchange_routes", "active_experts", "zero_sums"],
    },
    ...(overlap
      ? []
      : [
          {
            name: "relay_rows",
            meaning: "rows that the first dimension of the torus brings, and on with them",
            reads: ["token_rows"],
            writes: ["token_rows"],
            ...pass,
            loops: steps(early),
            relays: { stream: "rows_out", steps: "early" },
          } as const,
        ]),
    {
      name: "await_rows",
      meaning: "rows of all devices are here; those that go on from here have left",
      reads: ["token_rows"],
      writes: ["token_rows"],
      ...pass,
      // It passes on as it takes; before, a stage of its own does so as well.
      ...(overlap ? { starts: ["rows_out"] } : {}),
      loops: steps(gather - own - (overlap ? 0 : early)),
      relays: { stream: "rows_out", steps: overlap ? "others" : "late" },
    },
  ];
}

/** Where passes overlap rows of one come while those of another are there. */
function heldOfPasses(input: KernelInput): BufferDeclaration {
  const { layout, sizes } = input;
  const held = inHbm(input.rows);
  // Where sums are copied row by row too, each entry that pads a list has a row of its own.
  const [more, count] = withSums(input.rows) ? (["ROW_GROUP", GROUP] as const) : ["1", 1];
  const rows: Dim = [`(s.all_tokens + ${more}) * ROW`, (sizes.allTokens + count) * layout.row];
  const slots: readonly Dim[] = passesOverlap(input) ? [["s.pass_slots", passSlots(input)]] : [];
  const dims: readonly Dim[] = [...slots, rows, ["LANES", LANES]];
  const meaning = `packed token rows of all devices and ${count === 1 ? "one" : "some"} that no token owns`;
  const type = wordType(layout);
  return held
    ? hbm("token_rows", dims, type, meaning)
    : vmem("token_rows", dims, type, meaning, slots[0]?.[1]);
}

function rowsInVmem({ layout, sizes }: KernelInput): BufferDeclaration {
  return vmem(
    "token_rows",
    [heldRows(layout, sizes.allTokens + 1), ["LANES", LANES]],
    wordType(layout),
    "packed token rows of all devices and one that no token owns; then sums on their way",
  );
}

export const rowsOut: Part = {
  buffers: (input) => [
    inHbm(input.rows) || passesOverlap(input) ? heldOfPasses(input) : rowsInVmem(input),
  ],
  semaphores: ({ ep, parts }) =>
    ep === 1
      ? []
      : [
          dma("rows_sent", ONE, "token rows left, own ones and those passed on"),
          dma(
            "rows_arrived",
            ["EP_SIZE * s.cuts", ep * Math.max(parts, 1)],
            "a part of the token rows of a device arrived",
          ),
        ],
  streams: (frame) => (frame.ep === 1 ? [] : [rowsOutOf(frame)]),
  stages: (frame) => (frame.ep === 1 ? [] : stagesOf(frame)),
};
