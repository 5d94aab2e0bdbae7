/** Which copies take blocks between devices: a table made from where they sit, read by the kernel. */
import { pyTuple } from "../../emit/python.ts";
import { passesMayOverlap, rowsInHbm, sumsInHbm, withSums } from "../../plan/call.ts";
import type { Plan, Relays } from "../../plan/plan.ts";
import { type DeviceSteps, stepsOf } from "../../predict/machine/relays.ts";
import { torusOf } from "../../predict/machine/torus.ts";
import { TURNS_APART } from "../../predict/machine/turns.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { dma, ONE, smem } from "../declaration.ts";
import type { KernelInput } from "../frame.ts";
import type { DraftLoop } from "../loops.ts";
import { NO_BLOCK, type Part } from "../part.ts";
import { layoutOf, roundUp } from "../rows/layout.ts";
import { sumsGoStraight } from "../rows/types.ts";
import { partUnit } from "./choose.ts";
import { linkTraffic } from "./traffic.ts";

/** Words before a device's steps, of a step, and that a table is a multiple of. */
const HEADER = 8;
const STEP_WORDS = 4;
const TABLE_UNIT = 1024;

/** The most of something that a device has. */
const most = (steps: readonly DeviceSteps[], of: (one: DeviceSteps) => number): number =>
  Math.max(...steps.map(of));

/** What the tables of a kernel's devices come to; sums that go straight have no steps. */
export function tablesOf({ layer, ep, device, parts }: KernelInput) {
  const steps = stepsOf(torusOf(device, ep), ep, parts);
  const straight = sumsGoStraight(layer);
  const count = ({ gather, reduce }: DeviceSteps): number =>
    gather.length + (straight ? 0 : reduce.length);
  return {
    steps,
    cuts: Math.max(parts, 1),
    words: roundUp(HEADER + STEP_WORDS * most(steps, count), TABLE_UNIT),
    /** Copies that a device sends of rows, and that arrive of sums, at most. */
    sends: most(steps, ({ sends }) => sends),
    own: most(steps, ({ own }) => own),
    early: most(steps, ({ early }) => early),
    gather: most(steps, ({ gather }) => gather.length),
    reduce: most(steps, ({ reduce }) => reduce.length),
  };
}

/** How a stream's parts go, for the plan: `bytes` of one, in so many copies. */
export function relaysOf(
  { device, ep, parts }: KernelInput,
  collective: Relays["collective"],
  bytes: number,
): Relays {
  const { hops, links } = linkTraffic(device, ep, parts, bytes);
  return { collective, parts, hops, links };
}

/** Sums that are handled a part at a time take turns. */
function turned({ layer, kernels, mesh: { ep } }: Plan): boolean {
  return ep > 1 && sumsInHbm(kernels) && !sumsGoStraight(layer);
}

function context(plan: Plan): Record<string, unknown> {
  const { layer, kernels } = plan;
  const { ep } = plan.mesh;
  const names = [...new Set(kernels.map(({ device }) => device))];
  return {
    overlapped: passesMayOverlap(plan),
    turned: turned(plan),
    reversedSums: !(turned(plan) || sumsGoStraight(layer)),
    turnsApart: TURNS_APART,
    partUnit: partUnit(layoutOf(layer)),
    /** Rows that go together, as in `sentOf`. */
    sentGroup: rowsInHbm(kernels) ? "UNROLL" : "min(device_share, UNROLL)",
    fewRowsText: rowsInHbm(kernels) ? "" : ", or the few that there are,",
    /** What gives them: sums that are passed on take room. */
    relaysFound: sumsGoStraight(layer) ? "relays_of" : "relays_with_room",
    tori: names.map((name) => {
      const device = deviceOf(name);
      const { sizes, wrapsFrom } = torusOf(device, ep);
      return { kind: device.kind, sizes: pyTuple(sizes.map(String)), wrapsFrom };
    }),
  };
}

export const collectives: Part = {
  modules: ({ mesh: { ep } }) =>
    ep === 1 ? [] : [{ name: "topology", template: "kernel/collectives/topology" }],
  context,
  blocks: (plan) => {
    const when = (name: string): string =>
      passesMayOverlap(plan) ? `kernel/collectives/nearest/${name}` : NO_BLOCK;
    return {
      last_stage: when("last_stage"),
      nearest_end: when("end"),
      turns: turned(plan) ? "kernel/collectives/turns" : NO_BLOCK,
    };
  },
  buffers: (input) =>
    input.ep === 1
      ? []
      : [
          smem(
            "relay_steps",
            [["s.relay_words", tablesOf(input).words]],
            "this device's table of copies between devices",
          ),
        ],
  semaphores: ({ ep }) =>
    ep === 1 ? [] : [dma("relays_arrived", ONE, "table of copies between devices in SMEM")],
  streams: (frame) =>
    frame.ep === 1
      ? []
      : [
          {
            name: "relays_in",
            from: "HBM",
            to: "SMEM",
            remote: false,
            source: "relays",
            destination: "relay_steps",
            issuedBy: "barrier",
            awaitedBy: "await_relays",
            semaphore: "relays_arrived",
            bytes: 4 * tablesOf(frame).words,
            copies: 1,
            meaning: "which copies go where, from this device",
          },
        ],
  stages: (frame) => {
    if (frame.ep === 1) return [];
    const meaning = "the table of copies between devices is here";
    const listed = withSums(frame.rows) && !sumsGoStraight(frame.layer);
    // Steps of sums, by the parts that they complete.
    const loops: readonly DraftLoop[] = listed
      ? [{ over: "copies", each: 1, fixed: tablesOf(frame).reduce }]
      : [];
    return [{ name: "await_relays", meaning, reads: [], writes: [], per: "call", trips: 1, loops }];
  },
};
