/**
 * The passes of a call: one after the other; or overlapped: while the experts take the rows of one,
 * those of the next come and the sums of the last leave, a part of both after each expert.
 */
import type { Stage, Stream, Turn } from "../../plan/plan.ts";
import type { Job } from "../job.ts";
import type { Here, Quantity, Step } from "../step.ts";
import { type Halves, relayHalves } from "./relays.ts";
import type { Slice } from "./slice.ts";

/** A pass. */
export interface Around {
  readonly passes: number;
  /** Local ones. */
  readonly experts: number;
  /** Steps around the loop over experts, and one trip of it. */
  readonly before: readonly Step[];
  readonly expert: Step;
  readonly after: readonly Step[];
}

/** What overlaps it. */
export interface Overlapped {
  /** Stages of the passes that come and leave, in their order. */
  readonly turned: readonly Stage[];
  readonly stage: (stage: Stage, slice?: (here: Here) => Slice) => readonly Step[];
  /** Cycles of each part of a stage beside the experts; its steps are counted with those of one. */
  readonly straight: (stage: Stage) => number;
  readonly streams: ReadonlyMap<string, Stream>;
  readonly job: Pick<Job, "device" | "ep">;
  /** Phases from one pass to the next: one where they overlap. */
  readonly stride: number;
}

/** Where the loop over experts begins. */
export function firstOf(stages: readonly Stage[]): number {
  const found = stages.findIndex(({ per }) => per === "expert");
  return found < 0 ? stages.length : found;
}

/** One after the other. */
export function passesInTurn({ passes, experts, before, expert, after }: Around): Step {
  const loop: Step = { do: "loop", name: "expert", trips: experts, body: [expert] };
  return { do: "loop", name: "pass", trips: passes, body: [...before, loop, ...after] };
}

/** Phases from when rows of a pass are loaded until it comes, is taken and leaves. */
const BEHIND = { next: 0, coming: 1, taken: 2, leaving: 3 } as const;

/** From which eighth of the experts to which steps are spread. */
type Span = readonly [from: number, to: number];

/**
 * The two halves of what is beside the experts: of sums, then of rows, each in turn. Sums that have
 * not come yet hold up experts, and then weights: the first are taken over three eighths of the experts
 * and the last rows over one, found by search; the template has the same.
 */
const HALVES: readonly (readonly Span[])[] = [
  [
    [0, 3],
    [3, 5],
  ],
  [
    [5, 7],
    [7, 8],
  ],
];
const WHOLE: Span = [0, 8];

/** Steps that are done of so many when a part of the experts is. */
function reached(done: number, steps: number, [from, to]: Span): number {
  const part = (8 * done - from) / (to - from);
  return Math.floor(Math.min(1, Math.max(0, part)) * steps + 1e-9);
}

/** The pass that is coming, taken or leaving in a phase; a fraction: none. */
function passOf(of: Turn["of"], here: Here, stride: number): number {
  return (here.trip("phase") - BEHIND[of]) / stride;
}

/** Steps as they are of the pass that is coming, taken or leaving. */
function seenFrom(of: Turn["of"], steps: readonly Step[], stride: number): readonly Step[] {
  const view = (here: Here): Here => ({
    device: here.device,
    trip: (loop) => (loop === "pass" ? passOf(of, here, stride) : here.trip(loop)),
  });
  const amount = (quantity: Quantity): Quantity =>
    typeof quantity === "number" ? quantity : (here) => quantity(view(here));
  const seen = (step: Step): Step => {
    switch (step.do) {
      case "compute":
        return { ...step, cycles: amount(step.cycles) };
      case "spend":
        return { ...step, seconds: amount(step.seconds) };
      case "start": {
        const { copies } = step;
        const start = { ...step, bytes: amount(step.bytes) };
        return copies === undefined ? start : { ...start, copies: amount(copies) };
      }
      case "send":
        return {
          ...step,
          bytes: (here, to) => step.bytes(view(here), to),
          copies: (here, to) => step.copies(view(here), to),
        };
      case "post":
        return { ...step, to: (here) => step.to(view(here)), tag: (here) => step.tag(view(here)) };
      case "take":
        return { ...step, tag: (here) => step.tag(view(here)) };
      case "loop":
        return { ...step, trips: amount(step.trips), body: step.body.map(seen) };
      case "when":
        return { ...step, test: (here) => step.test(view(here)), body: step.body.map(seen) };
      default:
        return step;
    }
  };
  return steps.map(seen);
}

/** The loop over phases: each pass has four, and begins a stride after the one before. */
export function overlappedPasses(
  { passes, experts, before, expert, after }: Around,
  { turned, stage, straight, streams, job, stride }: Overlapped,
): Step {
  const isThere = (of: Turn["of"], here: Here): boolean => {
    const pass = passOf(of, here, stride);
    return pass >= 0 && pass < passes && Number.isInteger(pass);
  };
  const when = (of: Turn["of"], steps: readonly Step[]): Step => ({
    do: "when",
    test: (here) => isThere(of, here),
    body: seenFrom(of, steps, stride),
  });
  /** Turns beside the experts: without a pass that they take there is one. */
  const turns = (here: Here): number => (isThere("taken", here) ? experts : 1);
  const at = (place: Turn["at"]): readonly { readonly of: Turn["of"]; readonly one: Stage }[] =>
    turned.flatMap((one) => (one.turn?.at === place ? [{ of: one.turn.of, one }] : []));
  const whole = (place: Turn["at"]): readonly Step[] =>
    at(place).map(({ of, one }) => when(of, stage(one)));
  const leaves = (here: Here): boolean => isThere("leaving", here);
  /** What is done with the first turn where no pass leaves. */
  const soon: Step = {
    do: "when",
    test: (here) => here.trip("expert") === 0 && !leaves(here),
    body: whole("soon"),
  };
  const last = turned.flatMap((one): readonly Step[] => {
    const { of, at: place } = one.turn ?? {};
    if (of === undefined) return [];
    const steps = when(of, stage(one));
    if (place === "soon") return [{ do: "when", test: leaves, body: [steps] }];
    return place === "last" ? [steps] : [];
  });

  const besides = at("beside").map(({ of, one }) => ({
    ...{ of, one },
    halves: relayHalves(one, streams, job),
  }));
  /** What falls into a turn, of one half of a stage's steps. */
  const slice =
    (halves: readonly Halves[], half: number, span: Span) =>
    (here: Here): Slice => {
      const { first = 0, all = 0 } = halves[here.device] ?? {};
      const [from, to] = half === 0 ? [0, first] : [first, all];
      const turn = here.trip("expert");
      const bound = (done: number): number => from + reached(done / turns(here), to - from, span);
      return { first: bound(turn), last: bound(turn + 1) };
    };
  const part = (one: Stage): Step => {
    const cycles = (here: Here): number => (here.trip("expert") === 0 ? 0 : straight(one));
    return { do: "compute", stage: one.name, cycles };
  };

  // With one pass nothing is left that could arrive too early.
  const between = (here: Here): boolean =>
    stride === 1 && passes > 1 && here.trip("phase") === passes + 1;
  return {
    do: "loop",
    name: "phase",
    trips: (passes - 1) * stride + 4,
    body: [
      ...whole("first"),
      when("taken", before),
      {
        do: "loop",
        name: "expert",
        trips: turns,
        body: [
          when("taken", [expert]),
          soon,
          ...HALVES.flatMap((spans, half) =>
            besides.map(({ of, one, halves }, index) =>
              when(of, [part(one), ...stage(one, slice(halves, half, spans[index] ?? WHOLE))]),
            ),
          ),
        ],
      },
      when("taken", after),
      ...last,
      { do: "when", test: between, body: at("before the end").flatMap(({ one }) => stage(one)) },
    ],
  };
}
