/**
 * Links between devices: transfers over one link go one after the other, except that one much
 * shorter than what is before it shares the link with that instead of waiting for all of it.
 */
import type { Topology } from "./topology.ts";

export interface Costs {
  /** Seconds from the issue of a remote copy to its arrival, sizes apart. */
  readonly latency: number;
  /** Seconds that a further chip on the way adds. */
  readonly hop: number;
  /** Seconds that a sender's DMA engine takes for each remote copy. */
  readonly copy: number;
}

/** How much shorter; what it takes from the long ones is then less than they notice. */
const SHORTER = 8;

/** When transfers arrive, in seconds on one clock for all devices. Calls come in order of time. */
export class Network {
  private readonly topology: Topology;
  private readonly costs: Costs;
  /** When all that a link has to carry is through. */
  private readonly free: Float64Array;
  /** Ends of the transfers on a link, ascending, and how many of them are past. */
  private readonly pending: number[][];
  private readonly past: Int32Array;
  private readonly engine: Float64Array;
  bytes = 0;

  constructor(topology: Topology, costs: Costs) {
    this.topology = topology;
    this.costs = costs;
    this.free = new Float64Array(topology.links);
    this.pending = Array.from({ length: topology.links }, () => []);
    this.past = new Int32Array(topology.links);
    this.engine = new Float64Array(topology.devices);
  }

  /** When `bytes` in `copies` copies, sent at `time`, have all arrived. */
  send(time: number, from: number, to: number, bytes: number, copies: number): number {
    const links = this.topology.route(from, to);
    if (bytes === 0 || links.length === 0) return time;
    this.bytes += bytes;
    const engine = Math.max(this.engine[from] ?? 0, time) + copies * this.costs.copy;
    this.engine[from] = engine;
    let arrival = engine;
    for (const link of links) arrival = Math.max(arrival, this.carry(link, time, bytes));
    return arrival + this.costs.latency + (links.length - 1) * this.costs.hop;
  }

  /** When `bytes` that reach a link at `time` have crossed it. */
  private carry(link: number, time: number, bytes: number): number {
    const alone = bytes / this.topology.bandwidth(link);
    const queued = Math.max(0, (this.free[link] ?? 0) - time);
    const shared = this.underWay(link, time) * alone;
    const end = time + (SHORTER * shared <= queued ? shared : queued) + alone;
    this.free[link] = time + queued + alone;
    const ends = this.pending[link] ?? [];
    let at = ends.length;
    while (at > 0 && (ends[at - 1] ?? 0) > end) at -= 1;
    ends.splice(at, 0, end);
    return end;
  }

  /** Transfers on a link that end after `time`. */
  private underWay(link: number, time: number): number {
    const ends = this.pending[link] ?? [];
    let past = this.past[link] ?? 0;
    while (past < ends.length && (ends[past] ?? 0) <= time) past += 1;
    this.past[link] = past;
    return ends.length - past;
  }
}
