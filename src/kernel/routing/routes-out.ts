/** Every device's sorted entries to every other one, and all of them to the scalar unit. */

import { listsInHbm } from "../../plan/call.ts";
import type { Stream } from "../../plan/plan.ts";
import { localExperts } from "../../spec/formats.ts";
import {
  type BufferDeclaration,
  type Dim,
  dma,
  hbm,
  INT,
  ONE,
  smem,
  vmem,
} from "../declaration.ts";
import { type Frame, type KernelInput, passesOverlap, passSlots } from "../frame.ts";
import { type DraftLoop, PEERS } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { LANES } from "../rows/layout.ts";
import { mayRouteAll, routesAll } from "./all-tokens.ts";
import { listCopy, where } from "./lists.ts";
import { listChunks } from "./words.ts";

/** Bytes of a device's lists: two words an entry in HBM. */
function routeBytes(frame: Frame): number {
  const { layer, sizes } = frame;
  if (!listsInHbm(frame)) return 4 * sizes.routeWords;
  const { entries, firsts } = listChunks(layer, sizes.listTokens);
  return sizes.lists * (entries + firsts) * 2 * LANES * 4;
}

function routesOutOf(frame: Frame): Stream {
  const { ep, sizes } = frame;
  const space = listsInHbm(frame) ? "HBM" : "VMEM";
  return {
    name: "routes_out",
    from: space,
    to: space,
    remote: true,
    source: "routes",
    destination: "routes",
    issuedBy: "send_routes",
    awaitedBy: "exchange_routes",
    semaphore: "routes_sent, routes_arrived",
    bytes: (ep - 1) * routeBytes(frame) * sizes.passes,
    copies: (ep - 1) * sizes.passes,
    meaning: "sorted entries to every other device",
  };
}

function sendRoutes({ passes }: Frame["sizes"]): Draft {
  return {
    name: "send_routes",
    meaning: "start sending the sorted entries to every other device",
    reads: ["routes"],
    writes: [],
    per: "pass",
    trips: passes,
    loops: [PEERS],
  };
}

/** Lists of all devices in HBM, and of them in SMEM what says where an expert's entries are. */
function listBuffers(input: KernelInput): readonly BufferDeclaration[] {
  const { layer, ep, sizes } = input;
  const { entries, firsts } = listChunks(layer, sizes.listTokens);
  const slots: readonly Dim[] = passesOverlap(input) ? [["s.pass_slots", passSlots(input)]] : [];
  const lists: Dim = ["EP_SIZE * s.lists", ep * sizes.lists];
  const chunk: readonly Dim[] = [
    ["2", 2],
    ["LANES", LANES],
  ];
  const local: Dim = ["LOCAL_EXPERTS", localExperts(layer, ep)];
  return [
    hbm(
      "routes",
      [...slots, lists, ["s.route_chunks", entries + firsts], ...chunk],
      INT,
      "lists of all devices: 128 entries sorted by expert and their weights, and so on",
    ),
    smem(
      "first_entries",
      [lists, ["FIRST_CHUNKS", firsts], ...chunk],
      "where each expert's entries begin in each list",
    ),
    smem("expert_rows", [local], "rows of all devices for each local expert"),
  ];
}

/** First entries of lists in HBM to the scalar unit. */
function firstsIn({ layer, ep, sizes }: Frame): Stream {
  const { firsts } = listChunks(layer, sizes.listTokens);
  return {
    name: "firsts_in",
    from: "HBM",
    to: "SMEM",
    ...listCopy("exchange_routes"),
    source: "routes",
    destination: "first_entries",
    bytes: ep * sizes.lists * firsts * 2 * LANES * 4 * sizes.passes,
    copies: ep * sizes.passes,
    meaning: "where each expert's entries begin, to the scalar unit",
  };
}

/** Copies that come, and the count of rows. */
function exchangeStage(frame: Frame): Draft {
  const { ep, layer, sizes } = frame;
  const listed = listsInHbm(frame);
  const local = localExperts(layer, ep);
  const counted: readonly DraftLoop[] = [
    { over: "copies", each: 1, fixed: local },
    { over: "copies", each: 1, fixed: local * ep * sizes.lists },
  ];
  const alone = listed ? "where experts' entries begin" : "sorted entries to the scalar unit";
  return {
    name: "exchange_routes",
    meaning: ep === 1 ? alone : "sorted entries of all devices",
    reads: ["routes"],
    writes: ["routes", ...(listed ? ["first_entries", "expert_rows"] : ["all_routes"])],
    ...(passesOverlap(frame) ? { waits: ["rows_out"] } : {}),
    per: "pass",
    trips: sizes.passes,
    loops: listed ? counted : [PEERS],
  };
}

export const routesOut: Part = {
  buffers: (input) => {
    const { layer, ep, sizes } = input;
    if (listsInHbm(input)) return listBuffers(input);
    const sources = mayRouteAll(layer, ep, input) ? "s.sources" : "EP_SIZE";
    // Mosaic takes no row out of an odd number of them.
    const odd = ep > 1 && ep % 2 === 1;
    const words: readonly Dim[] = [
      odd ? [`${sources} + 1`, sizes.sources + 1] : [sources, sizes.sources],
      ["s.route_words", sizes.routeWords],
    ];
    const all: Dim = [`${sources} * s.route_words`, sizes.sources * sizes.routeWords];
    return [
      vmem(
        "routes",
        words,
        INT,
        "by device: entries sorted by expert, weight bits by choice, first entry of each expert",
      ),
      smem("all_routes", [all], "routes of all devices"),
    ];
  },
  semaphores: ({ ep }) =>
    ep === 1
      ? []
      : [
          dma("routes_sent", ONE, "own routes left"),
          dma("routes_arrived", ["EP_SIZE", ep], "routes of a device arrived"),
        ],
  streams: (frame) => {
    const { ep, sizes } = frame;
    if (listsInHbm(frame)) {
      return ep === 1 ? [firstsIn(frame)] : [routesOutOf(frame), firstsIn(frame)];
    }
    const routesIn: Stream = {
      name: "routes_in",
      from: "VMEM",
      to: "SMEM",
      ...listCopy("exchange_routes"),
      source: "routes",
      destination: "all_routes",
      bytes: ep * 4 * sizes.routeWords * sizes.passes,
      copies: ep * sizes.passes,
      meaning: "entries of all devices to the scalar unit",
    };
    const streams = ep === 1 ? [routesIn] : [routesOutOf(frame), routesIn];
    return streams.map((stream) => where(!routesAll(sizes, ep), stream));
  },
  stages: (frame) => {
    const { ep, sizes } = frame;
    if (routesAll(sizes, ep)) return [];
    return [...(ep === 1 ? [] : [sendRoutes(sizes)]), exchangeStage(frame)];
  },
};
