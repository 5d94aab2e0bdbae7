/** Every device's sorted entries to every other one, and all of them to the scalar unit. */

import type { Stream } from "../../plan/plan.ts";
import { type Dim, dma, INT, ONE, smem, vmem } from "../declaration.ts";
import { type Frame, passesOverlap } from "../frame.ts";
import { PEERS } from "../loops.ts";
import type { Draft, Part } from "../part.ts";
import { mayRouteAll, routesAll } from "./all-tokens.ts";
import { listCopy, where } from "./lists.ts";

function routesOutOf({ ep, sizes }: Frame): Stream {
  return {
    name: "routes_out",
    from: "VMEM",
    to: "VMEM",
    remote: true,
    source: "routes",
    destination: "routes",
    issuedBy: "send_routes",
    awaitedBy: "exchange_routes",
    semaphore: "routes_sent, routes_arrived",
    bytes: (ep - 1) * 4 * sizes.routeWords * sizes.passes,
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

export const routesOut: Part = {
  buffers: (input) => {
    const { layer, ep, sizes } = input;
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
  stages: ({ ep, sizes, rows }) =>
    routesAll(sizes, ep)
      ? []
      : [
          ...(ep === 1 ? [] : [sendRoutes(sizes)]),
          {
            name: "exchange_routes",
            meaning:
              ep === 1 ? "sorted entries to the scalar unit" : "sorted entries of all devices",
            reads: ["routes"],
            writes: ["routes", "all_routes"],
            ...(passesOverlap({ ep, rows }) ? { waits: ["rows_out"] } : {}),
            per: "pass",
            trips: sizes.passes,
            loops: [PEERS],
          },
        ],
};
