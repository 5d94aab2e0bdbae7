import type { Form } from "../cost/multiply.ts";
import { type Job, localExperts, rowBytes, tallyOf, tokenShare, weightBytes } from "../job.ts";
import { COUNTED_HIDDEN, combineOwn, down, exchangeCounts, gateUp } from "../pieces/parts.ts";
import { fusedTiles } from "../pieces/tiles.ts";
import type { Here, Step } from "../step.ts";
import type { Published } from "./published.ts";

/** Cycles to pack one result row and write it back: 1,455 for 128 rows of 2,048, counted. */
const WRITE_BACK = 11.4;

function steps(job: Job): readonly Step[] {
  const { layer, device } = job;
  const tiles = fusedTiles(job);
  const tally = tallyOf(job, tiles.bt);
  const experts = localExperts(job);
  const expert = (here: Here): number => here.device * experts + here.trip("expert");
  const rows = (here: Here): number => tally.of(here.trip("token tile"), expert(here));
  const form: Form = layer.scaleGroup === undefined ? "packed" : "packed scaled";
  const columns = Math.ceil(layer.intermediate / tiles.bf);
  const weights = 3 * layer.hidden * tiles.bf * weightBytes(job);
  const body = Math.max(8, tiles.btc);
  const bodies = (here: Here): number => {
    const rest = rows(here) - here.trip("row tile") * tiles.bts;
    return Math.ceil(Math.min(tiles.bts, rest) / tiles.btc);
  };
  const ffn =
    gateUp(job, form, body, layer.hidden, tiles.bf) + down(job, form, body, tiles.bf, layer.hidden);
  const rowTiles = (here: Here): number => Math.ceil(rows(here) / tiles.bts);
  const own = Math.min(tiles.bt, tokenShare(job));
  const sent = (here: Here, to: number): number => {
    let total = 0;
    for (let local = 0; local < experts; local++) {
      total += tally.from(here.trip("token tile"), here.device, to * experts + local);
    }
    return total;
  };
  const back = (here: Here, to: number): number =>
    tally.from(here.trip("token tile"), to, expert(here));
  const start: Step = { do: "start", stream: "weights_in", bytes: weights, copies: 3 };
  /** Weight tiles of the tile that were started ahead: the first, and then each next one. */
  const hasNext = (here: Here): boolean => {
    const lastColumn = here.trip("f tile") + 1 === columns;
    const lastTile = here.trip("row tile") + 1 === rowTiles(here);
    if (!lastColumn || !lastTile) return true;
    const tile = here.trip("token tile");
    const active = tally.active(tile, here.device);
    return active.at(-1) !== expert(here);
  };
  return [
    { do: "barrier", name: "start" },
    {
      do: "loop",
      name: "token tile",
      trips: tally.tiles,
      body: [
        ...exchangeCounts(job, own, "none"),
        {
          do: "compute",
          stage: "dispatch",
          cycles: own * layer.topK * device.timing.entryCycles.value,
        },
        {
          do: "send",
          stream: "rows_out",
          bytes: (here, to) => sent(here, to) * rowBytes(job),
          copies: sent,
        },
        {
          do: "when",
          test: (here) => tally.active(here.trip("token tile"), here.device).length > 0,
          body: [start],
        },
        { do: "receive", stream: "rows_out" },
        {
          do: "loop",
          name: "expert",
          trips: experts,
          body: [
            {
              do: "loop",
              name: "row tile",
              trips: rowTiles,
              body: [
                { do: "start", stream: "expert_rows_in", bytes: tiles.bts * rowBytes(job) },
                { do: "wait", stream: "expert_rows_in" },
                {
                  do: "loop",
                  name: "f tile",
                  trips: columns,
                  body: [
                    { do: "when", test: hasNext, body: [start] },
                    { do: "wait", stream: "weights_in" },
                    { do: "compute", stage: "feed-forward", cycles: (here) => bodies(here) * ffn },
                  ],
                },
                {
                  do: "compute",
                  stage: "write back",
                  cycles: (tiles.bts * WRITE_BACK * layer.hidden) / COUNTED_HIDDEN,
                },
                { do: "start", stream: "results_out", bytes: tiles.bts * rowBytes(job) },
                { do: "wait", stream: "results_out" },
              ],
            },
            {
              do: "send",
              stream: "results_back",
              bytes: (here, to) => back(here, to) * rowBytes(job),
              copies: (here, to) => Math.min(1, back(here, to)),
            },
          ],
        },
        { do: "receive", stream: "results_back", all: true },
        ...combineOwn(job, own),
        { do: "barrier", name: "end of the tile" },
      ],
    },
  ];
}

export const sglJaxV2: Published = {
  name: "sgl-jax-v2",
  title: "sgl-jax fused MoE v2",
  about:
    "only active experts, the next one's weights ahead; one copy a routed row out, a run for each expert and device back",
  source: "sgl-project/sglang-jax@cddbf6f1 python/sgl_jax/srt/kernels/fused_moe/v2/kernel.py",
  records: /^(sgl|sglang)[-_ ]?(jax)?[-_ ]?(fused_?moe)?[-_ ]?v2/i,
  reads: ["bt", "bts", "btc", "bf"],
  steps,
};
