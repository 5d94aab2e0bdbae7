/** Where a sweep's candidates are compiled and its finalists timed: what `--on` names. */
import {
  type ClusterNode,
  chipsOf,
  type Host,
  kindOf,
  parseCluster,
  parseHost,
  withCluster,
} from "../../runner/index.ts";
import { defined } from "../../spec/defined.ts";
import { type ClockOptions, kindOfHost } from "../../sweep/clock.ts";
import type { Crew } from "../../sweep/crew.ts";
import { devicesAChip } from "../../target/device/facts.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { UsageError } from "../failure.ts";
import { plural } from "../format.ts";
import { interrupted } from "../interrupt.ts";
import type { Output } from "../output.ts";
import type { Stages } from "./stages.ts";

/** Calls of each finalist on the host. */
const REPETITIONS = { warmup: 3, repetitions: 20 };

export interface Wanted {
  readonly on?: string;
  readonly python?: string;
  readonly jobs?: number;
  /** Devices that a kernel needs. */
  readonly ep: number;
  /** Kinds of device that are swept. */
  readonly swept: readonly string[];
}

export interface Place {
  /** Absent: workers of this machine. */
  readonly crew?: Crew;
  /** Undefined: nothing is timed. */
  readonly clock: Stages["clock"];
}

/**
 * Finds the place, gives it to `work`, and ends what runs there. Throws UsageError for a place that is
 * none, and EnvironmentError for a host that cannot measure or a cluster that is not reached.
 */
export async function withPlace<T>(
  wanted: Wanted,
  out: Output,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const { on, python, jobs } = wanted;
  if (on === undefined) {
    if (python !== undefined) throw new UsageError("--python goes with --on");
    return work({ clock: undefined });
  }
  const named = parseCluster(on);
  if (named === null) return work({ clock: await clockOn(parseHost(on), wanted) });
  if (python !== undefined) throw new UsageError("--python does not go with --on ray");
  const options = { ...named, ...defined({ cpus: jobs }), signal: interrupted };
  return withCluster(options, async (cluster) => {
    const { nodes } = cluster;
    const cpus = nodes.reduce((sum, node) => sum + node.cpus, 0);
    out.note(`Ray cluster: ${plural(nodes.length, "node")}, ${plural(cpus, "processor")}`);
    const node = timingNode(nodes, wanted);
    if (node === undefined) {
      out.note(`no node has ${plural(wanted.ep, "TPU device")}: the finalists are not timed`);
    }
    const crew: Crew = (of, each) => cluster.crew(of, each);
    const found = node && (await clockOn({ kind: "ray", cluster, node }, wanted));
    if (node === undefined || found === undefined) return work({ crew, clock: found });
    const devices = chipsOf(node) * devicesAChip(deviceOf(found.device));
    return work({ crew, clock: { ...found, ahead: { crew, devices } } });
  });
}

/**
 * Of the machines whose chips show devices enough the one with the fewest chips. Where Ray does not say
 * a machine's kind it may be any that is swept.
 */
export function timingNode(
  nodes: readonly ClusterNode[],
  { ep, swept }: Pick<Wanted, "ep" | "swept">,
): ClusterNode | undefined {
  const devices = (node: ClusterNode): number => {
    const said = kindOf(node);
    const kinds = said !== undefined && swept.includes(said) ? [said] : swept;
    return chipsOf(node) * Math.max(...kinds.map((name) => devicesAChip(deviceOf(name))));
  };
  const [node] = nodes
    .filter((each) => devices(each) >= ep)
    .sort((a, b) => chipsOf(a) - chipsOf(b));
  return node;
}

async function clockOn(host: Host, { python, swept }: Wanted): Promise<Stages["clock"]> {
  const options: ClockOptions = {
    ...{ host, backend: "tpu", signal: interrupted, ...REPETITIONS },
    ...defined({ python }),
  };
  return { options, device: await kindOfHost(options, swept) };
}
