/** Spec → scaled package and plan → mutants on simulated devices, until each is caught. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { LoadedSpec } from "../../dsl/load.ts";
import { emitPackage } from "../../emit/index.ts";
import { allOf } from "../../plan/call.ts";
import { isSeveral, memberOf, membersOf } from "../../plan/members.ts";
import type { Plan } from "../../plan/plan.ts";
import { isLoss, RequestError, WorkerError } from "../../runner/errors.ts";
import { workerLayer } from "../../runner/layer.ts";
import { type LocalWorker, withWorker, writePackage } from "../../runner/local.ts";
import { inParallel } from "../../runner/parallel.ts";
import { sizeOf, subjectOf } from "../../runner/validate.ts";
import type { WorkerEvent } from "../../runner/worker.ts";
import { defined } from "../../spec/defined.ts";
import { devicesOf, type MeshSpec } from "../../spec/mesh.ts";
import { isUndecided } from "../undecided.ts";
import {
  type Mutant,
  type MutantOptions,
  type MutantResult,
  type MutantsEvent,
  type MutantsResult,
  mutantFamilies,
  mutantKinds,
} from "./types.ts";

/** Devices that mutants run on, whatever the spec's mesh: that is enough for every kind of peer. */
const DEVICES = 4;
/** Interpreting keeps one core busy. */
const MOST_WORKERS = 2;
/**
 * Processor seconds for one mutant: many times what all cases in all orders take. A deadlock is
 * found exactly, so what takes longer runs without an end.
 */
const MUTANT_SECONDS = 600;

/**
 * Devices where the kernel sends nothing itself: one shows all of its faults, but for those of columns that
 * are cut, and of rows of 8 bits, which it does not have.
 */
function fewDevices({ mesh, layer }: Plan): Pick<MeshSpec, "ep" | "tp"> {
  if (mesh.tp !== undefined) return { ep: 1, tp: 2 };
  return { ep: layer.wire === undefined ? 1 : 2 };
}

/**
 * Makes mutants of the spec, scaled to `options.ep` devices (four, one or two where it sends nothing), and runs each until it is
 * caught; of several schedules those of each one's own package, one after the other. `ok`: all
 * were. Throws RequestError for a mutant that there is not, WorkerError where the kernel without a
 * fault is not right or costs the worker.
 */
export async function runMutants(
  loaded: LoadedSpec,
  plan: Plan,
  options: MutantOptions = {},
  onEvent: (event: MutantsEvent) => void = () => {},
): Promise<MutantsResult> {
  const start = performance.now();
  const made = subjectOf(loaded, plan, { ep: options.ep ?? DEVICES });
  const alone =
    options.ep === undefined && !membersOf(made.plan).every(({ plan: one }) => sends(one))
      ? subjectOf(loaded, plan, fewDevices(plan))
      : made;
  const size = sizeOf(
    membersOf(made.plan).some(({ plan: one }) => sends(one)) ? made.plan : alone.plan,
    true,
  );
  const found: MutantResult[] = [];
  let total = 0;
  for (const [at, one] of membersOf(made.plan).entries()) {
    const { plan: scaled, tokens } = sends(one.plan) ? made : alone;
    const folder = isSeveral(scaled) ? `${one.name}/` : "";
    const ids = options.ids
      ?.filter((id) => id.startsWith(folder))
      .map((id) => id.slice(folder.length));
    if (options.ids !== undefined && ids?.length === 0) continue;
    const [small, full] = [memberOf(scaled, one.name), memberOf(plan, one.name)];
    const subject = { scaled: small, plan: full, tokens: tokens[at] };
    const chosen = { ...options, ...defined({ ids }) };
    total += await ofOneSchedule(subject, chosen, (event) => {
      const told = inFolder(folder, event);
      if (told.event === "mutant") found.push(withoutEvent(told));
      onEvent(told);
    });
  }
  const mutants = [...found].sort(byPlace);
  const killed = mutants.filter(({ caught }) => caught).length;
  const undecided = mutants.filter(({ undecided }) => undecided).length;
  return {
    ok: killed === total && killed > 0,
    name: plan.name,
    size,
    seed: options.seed ?? 0,
    ...{ killed, undecided },
    total,
    kinds: mutantKinds.flatMap((kind) => {
      const mine = mutants.filter((one) => one.kind === kind);
      const family = mine[0]?.family;
      if (family === undefined) return [];
      const caught = mine.filter((one) => one.caught).length;
      return [{ family, kind, killed: caught, total: mine.length }];
    }),
    mutants,
    seconds: Math.round(performance.now() - start) / 1000,
  };
}

/** Whether a kernel of the plan has copies to other devices of its own. */
function sends({ kernels }: Plan): boolean {
  return kernels.some((kernel) => allOf(kernel).streams.some(({ remote }) => remote));
}

/** The event of a mutant with its module and its id as they are in a package of several schedules. */
function inFolder(folder: string, event: MutantsEvent): MutantsEvent {
  if (folder === "") return event;
  if (event.event === "mutant-start") return { ...event, id: `${folder}${event.id}` };
  if (event.event !== "mutant") return event;
  return { ...event, id: `${folder}${event.id}`, file: `${folder}${event.file}` };
}

interface Subject {
  readonly scaled: Plan;
  /** At the spec's own size. */
  readonly plan: Plan;
  readonly tokens: number | undefined;
}

/** Mutants of a plan of one schedule; how many there are. */
async function ofOneSchedule(
  { scaled, plan, tokens }: Subject,
  options: MutantOptions,
  onEvent: (event: MutantsEvent) => void,
): Promise<number> {
  const packages = {
    run: await emitPackage(scaled),
    served: await emitPackage({ ...plan, emit: { ...plan.emit, reference: true } }),
  };
  const size = sizeOf(scaled, true);
  const count = devicesOf(scaled.mesh);
  const kernel = scaled.kernels[0];
  if (kernel === undefined) throw new RequestError("the plan has no kernel");
  const wanted = options.workers ?? Math.min(MOST_WORKERS, availableParallelism());
  const workers = options.ids === undefined ? wanted : Math.min(wanted, options.ids.length);
  let total: number | undefined;
  await inParallel(workers, options.signal, (shard, signal) =>
    withWorker({ ...options, signal, ep: count }, async (local) => {
      const params = {
        package: await writePackage(packages.run, join(local.folder, "run"), scaled.name),
        served: await writePackage(packages.served, join(local.folder, "served"), plan.name),
        plan: allOf(kernel),
        layer: workerLayer(scaled),
        tokenAxes: scaled.mesh.tokenAxes,
        tokens,
        seed: options.seed ?? 0,
        families: options.families ?? Object.keys(mutantFamilies),
        only: options.only ?? null,
        ids: options.ids ?? null,
        sample: options.sample ?? null,
        shard: [shard, workers],
      };
      const timeout = options.timeout ?? MUTANT_SECONDS * Math.max(1, count / DEVICES) ** 2;
      await share(local, params, timeout, (event) => {
        if (event.event === "start") {
          if (total !== undefined) return;
          total = event.total;
          onEvent({ ...event, size });
          return;
        }
        onEvent(event);
      });
    }),
  );
  return total ?? 0;
}

function byPlace(a: Mutant, b: Mutant): number {
  const kinds = mutantKinds.indexOf(a.kind) - mutantKinds.indexOf(b.kind);
  return kinds || a.file.localeCompare(b.file) || a.line - b.line || a.id.localeCompare(b.id);
}

function withoutEvent({ event: _, ...result }: { event: "mutant" } & MutantResult): MutantResult {
  return result;
}

type Heard =
  | { readonly event: "start"; readonly total: number }
  | Exclude<MutantsEvent, { event: "start" }>;

interface Running {
  /** By `performance.now`. */
  readonly began: number;
  readonly mutant: Mutant;
}

/** One worker's part, on a new process where a mutant ended one. */
async function share(
  { worker }: LocalWorker,
  params: Readonly<Record<string, unknown>>,
  timeout: number,
  hear: (event: Heard) => void,
): Promise<void> {
  const done: string[] = [];
  for (;;) {
    let running: Running | undefined;
    const onEvent = ({ id: _, ...event }: WorkerEvent): void => {
      const heard = event as unknown as Heard;
      if (heard.event === "mutant-start") {
        running = { began: performance.now(), mutant: event.mutant as Mutant };
      }
      if (heard.event === "mutant") done.push((event.mutant as Mutant).id);
      hear(flat(event));
    };
    try {
      await worker.request("mutants", { ...params, done }, { onEvent, timeout });
      return;
    } catch (error) {
      if (!isLoss(error)) throw understand(error);
      // The kernel without a fault: as much is to be found out as before.
      if (running === undefined) throw error;
      const { began, mutant } = running as Running;
      done.push(mutant.id);
      const seconds = Math.round(performance.now() - began) / 1000;
      const found = { event: "mutant", ...mutant, attempts: 1, seconds } as const;
      // Whether it would have been caught nobody knows: a slow machine is no catch, nor is whoever ends the worker.
      if (isUndecided(error.code)) {
        hear({ ...found, caught: false, undecided: true, message: error.message });
      } else hear({ ...found, caught: true, by: "crash", message: error.message });
    }
  }
}

/** The worker's `mutant` field, whose id is not the request's, as the event's own. */
function flat({ mutant, ...event }: Omit<WorkerEvent, "id">): Heard {
  return { ...event, ...(mutant as object | undefined) } as unknown as Heard;
}

/** A name that the worker does not know is the user's mistake, not the worker's. */
function understand(error: unknown): unknown {
  const code = error instanceof WorkerError ? error.code : undefined;
  return code === "UNKNOWN_MUTANT" ? new RequestError((error as WorkerError).message) : error;
}
