/** Which rows go where, and where those that come will be: worked out alike on both sides. */
import { type Dim, smem } from "../../kernel/declaration.ts";
import type { Frame } from "../../kernel/frame.ts";
import { type DraftLoop, GROUP, PEERS, UNROLL } from "../../kernel/loops.ts";
import type { Part } from "../../kernel/part.ts";
import { listCopy } from "../../kernel/routing/lists.ts";

/** Entries of one device's tokens for experts of others; as many of others' tokens are for its own. */
function entries({ layer, ep, sizes }: Frame): DraftLoop {
  const fixed = ((sizes.deviceShare / sizes.passes) * layer.topK * (ep - 1)) / ep;
  return { over: "copies", each: 1, fixed };
}

export const lists: Part = {
  buffers: ({ ep, sizes }) => {
    if (ep === 1) return [];
    const devices: Dim = ["EP_SIZE", ep];
    const leaving: Dim = ["EP_SIZE * (s.pass_tokens + UNROLL)", ep * (sizes.passTokens + UNROLL)];
    return [
      smem("leaving_tokens", [leaving], "own tokens by the device that their rows go to"),
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
        loops: [{ over: "all tokens", each: GROUP }, PEERS, entries(frame)],
      },
      {
        name: "list_coming",
        meaning: "entries of others' tokens say where their rows come to",
        reads: ["all_routes"],
        writes: ["all_routes", "rows_coming", "places"],
        ...pass,
        loops: [PEERS, entries(frame)],
      },
    ];
  },
};
