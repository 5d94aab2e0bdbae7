/** Which rows go where, and where those that come will be: worked out alike on both sides. */

import { chipDevices } from "../../kernel/api/chip-tiles.ts";
import { type Dim, smem } from "../../kernel/declaration.ts";
import type { Frame } from "../../kernel/frame.ts";
import { type DraftLoop, GROUP, PEERS, UNROLL } from "../../kernel/loops.ts";
import type { Part } from "../../kernel/part.ts";
import { listCopy } from "../../kernel/routing/lists.ts";
import { shareOfExperts } from "../../spec/formats.ts";

const trips = (fixed: number): DraftLoop => ({ over: "copies", each: 1, fixed });

/** Entries of one device's tokens for the experts of so many devices; as many others' tokens have for its own. */
function entries({ layer, ep, sizes }: Frame, devices: number): DraftLoop {
  const routed = layer.topK * shareOfExperts(layer);
  return trips(((sizes.deviceShare / sizes.passes) * routed * devices) / ep);
}

/** Loops over runs that leave, and over the entries of each. */
function leaving(frame: Frame): readonly DraftLoop[] {
  const { ep } = frame;
  if (chipDevices(frame) === 1) return [PEERS, entries(frame, ep - 1)];
  return [trips(ep / 2), entries(frame, ep - 1)];
}

/** The same of those that come straight: of a chip's experts together. */
function coming(frame: Frame): readonly DraftLoop[] {
  const { ep } = frame;
  if (chipDevices(frame) === 1) return [PEERS, entries(frame, ep - 1)];
  return [trips(ep / 2 - 1), entries(frame, ep - 2)];
}

export const lists: Part = {
  buffers: ({ ep, sizes }) => {
    if (ep === 1) return [];
    const devices: Dim = ["EP_SIZE", ep];
    const leaving: Dim = ["EP_SIZE * (s.pass_tokens + UNROLL)", ep * (sizes.passTokens + UNROLL)];
    return [
      smem(
        "leaving_tokens",
        [leaving],
        "by the device that rows go to: their tokens, or places here",
      ),
      smem("rows_leaving", [devices], "how many go to each device"),
      smem("rows_coming", [devices], "how many come from each device"),
      smem(
        "places",
        [["s.all_tokens", sizes.allTokens]],
        "by token: where its row comes to; of own tokens, for whom each was listed last",
      ),
    ];
  },
  streams: ({ ep, sizes }) =>
    ep === 1
      ? []
      : [
          {
            name: "own_offsets_in",
            from: "VMEM",
            to: "SMEM",
            ...listCopy("list_leaving"),
            source: "own_routes",
            destination: "all_routes",
            bytes: 4 * (sizes.routeWords - sizes.weightsAt) * sizes.passes,
            copies: sizes.passes,
            meaning:
              "own weights and first entries to the scalar unit, before those of other devices",
          },
        ],
  stages: (frame) => {
    if (frame.ep === 1) return [];
    const pass = { per: "pass", trips: frame.sizes.passes } as const;
    return [
      {
        name: "list_leaving",
        meaning: "own tokens that have an expert on another device, for each of them",
        reads: ["own_routes", "own_entries"],
        writes: ["all_routes", "leaving_tokens", "rows_leaving", "places"],
        ...pass,
        loops: [{ over: "all tokens", each: GROUP }, ...leaving(frame)],
      },
      {
        name: "list_coming",
        meaning: "entries of others' tokens say where their rows come to",
        reads: ["all_routes"],
        writes: ["all_routes", "rows_coming", "places"],
        ...pass,
        loops: coming(frame),
      },
      ...(chipDevices(frame) === 1
        ? []
        : [
            {
              name: "list_handed",
              meaning: "the same of rows that come through the other device of the chip",
              reads: ["all_routes"],
              writes: ["all_routes", "rows_coming", "places"],
              ...pass,
              loops: [trips(frame.ep / 2), entries(frame, frame.ep / 2)],
            },
          ]),
    ];
  },
};
