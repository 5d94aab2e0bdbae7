/**
 * What every schedule is built from. A part holds all that one job of the kernel declares: buffers,
 * semaphores, copies and stages with their loops. A schedule is a list of them and an order.
 */
import type { Buffer, Plan, Semaphore, Stage, Stream } from "../plan/plan.ts";
import type { BufferDeclaration, SemaphoreDeclaration } from "./declaration.ts";
import type { Frame, KernelInput } from "./frame.ts";
import { allNamedFor } from "./gateless.ts";
import { type DraftLoop, tripsOf } from "./loops.ts";
import { toBuffer } from "./memory/bytes.ts";

/**
 * A stage with what is usually empty left out. It waits for the copies that name it in `awaitedBy`
 * and starts those that name it in `issuedBy`: `waits` and `starts` are for others, and come first.
 */
export interface Draft
  extends Pick<Stage, "name" | "meaning" | "reads" | "writes" | "per" | "trips">,
    Partial<
      Pick<
        Stage,
        | "waits"
        | "starts"
        | "flops"
        | "overlaps"
        | "rows"
        | "each"
        | "amid"
        | "early"
        | "barrier"
        | "relays"
        | "sources"
      >
    > {
  readonly loops?: readonly DraftLoop[];
  /** Its place in the schedule's order. Absent: its name. */
  readonly place?: string;
}

/** A module of the generated package. */
export interface Module {
  /** Without ".py". */
  readonly name: string;
  /** Path below `templates/`. */
  readonly template: string;
  /** What it says beside what all modules do (`common`). */
  readonly more?: (plan: Plan, common: Readonly<Record<string, unknown>>) => object;
}

/** The block of what a kernel of some kind does not have. */
export const NO_BLOCK = "kernel/none";

export interface Part {
  readonly modules?: (plan: Plan) => readonly Module[];
  /** Plain data for the templates of all modules. */
  readonly context?: (plan: Plan) => Readonly<Record<string, unknown>>;
  /**
   * Functions that have several answers, each with the template of the one that this plan has:
   * `{{> (block "NAME")}}` in a module's template.
   */
  readonly blocks?: (plan: Plan) => Readonly<Record<string, string>>;
  readonly buffers?: (input: KernelInput) => readonly BufferDeclaration[];
  readonly semaphores?: (input: KernelInput) => readonly SemaphoreDeclaration[];
  readonly streams?: (frame: Frame) => readonly Stream[];
  readonly stages?: (frame: Frame) => readonly Draft[];
}

export interface Composition {
  /** In the order of their semaphores, of their copies and, but for `first`, of their buffers. */
  readonly parts: readonly Part[];
  /** Parts whose buffers are declared before all others. */
  readonly first: readonly Part[];
  /** Places of stages in the order in which they run. */
  readonly order: readonly string[];
}

/** All buffers of a kernel as its code declares them: HBM, VMEM, then SMEM. */
export function declareBuffers(
  { parts, first }: Composition,
  input: KernelInput,
): readonly BufferDeclaration[] {
  const ordered = [...first, ...parts.filter((part) => !first.includes(part))];
  const found = ordered.flatMap((part) => part.buffers?.(input) ?? []);
  const of = (space: Buffer["space"]) => found.filter((buffer) => buffer.space === space);
  return allNamedFor(input.layer, [...of("HBM"), ...of("VMEM"), ...of("SMEM")]);
}

/** The same with their bytes. */
export function declaredBuffers(composition: Composition, input: KernelInput): readonly Buffer[] {
  return declareBuffers(composition, input).map(toBuffer);
}

/** All semaphores of a kernel, the barrier first. */
export function declareSemaphores(
  { parts }: Composition,
  input: KernelInput,
): readonly SemaphoreDeclaration[] {
  return allNamedFor(
    input.layer,
    parts.flatMap((part) => part.semaphores?.(input) ?? []),
  );
}

/** The same as the plan has them. */
export function semaphoresOf(composition: Composition, input: KernelInput): readonly Semaphore[] {
  return declareSemaphores(composition, input).map(({ name, kind, count, meaning }) => ({
    name,
    kind,
    count: count[1],
    meaning,
  }));
}

/** All copies of a kernel, part by part. */
export function streamsOf({ parts }: Composition, frame: Frame): readonly Stream[] {
  return allNamedFor(
    frame.layer,
    parts.flatMap((part) => part.streams?.(frame) ?? []),
  );
}

/**
 * All stages in the schedule's order, complete.
 *
 * @throws RangeError for a stage whose place the order does not have.
 */
export function stagesOf(composition: Composition, frame: Frame): readonly Stage[] {
  const { parts, order } = composition;
  const streams = streamsOf(composition, frame);
  const drafts = allNamedFor(
    frame.layer,
    parts.flatMap((part) => part.stages?.(frame) ?? []),
  );
  const placeOf = ({ name, place = name }: Draft): number => {
    const found = order.indexOf(place);
    if (found < 0) throw new RangeError(`stage ${name}: the schedule's order has no ${place}`);
    return found;
  };
  return [...drafts]
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map((draft) => completed(draft, streams, frame));
}

function completed(draft: Draft, streams: readonly Stream[], frame: Frame): Stage {
  const { place: _, loops = [], waits = [], starts = [], ...stage } = draft;
  const own = (by: "issuedBy" | "awaitedBy", given: readonly string[]): readonly string[] => {
    const more = streams.filter((stream) => stream[by] === draft.name).map(({ name }) => name);
    return [...given, ...more.filter((name) => !given.includes(name))];
  };
  return {
    flops: 0,
    overlaps: [],
    ...stage,
    waits: own("awaitedBy", waits),
    starts: own("issuedBy", starts),
    ...(loops.length === 0 ? {} : { loops: loops.map(({ all: _all, ...loop }) => loop) }),
    loopTrips: loops.map((loop) => tripsOf(loop, draft, frame)),
  };
}
