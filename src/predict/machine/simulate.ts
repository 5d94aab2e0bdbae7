/** The event simulation: every device of the group goes through its steps on a clock of its own. */
import type { DeviceFacts } from "../../target/device/facts.ts";
import { amount, type Quantity, type Step } from "../step.ts";
import type { WaitKind } from "./account.ts";
import type { Action } from "./cursor.ts";
import { Network } from "./network.ts";
import { Post } from "./post.ts";
import { type Runner, runnerOf } from "./runner.ts";
import { topologyOf } from "./topology.ts";

export interface Simulated {
  readonly seconds: number;
  readonly devices: readonly { readonly finish: number; readonly account: Runner["account"] }[];
  /** Bytes of all devices together. */
  readonly hbmBytes: number;
  readonly iciBytes: number;
}

/** The call has more steps than one waits for; the CLI shows it as wrong use. */
export class TooLong extends Error {
  override readonly name = "UsageError";

  constructor(limit: number) {
    super(`more than ${limit} steps to simulate: take fewer tokens or larger tiles`);
  }
}

/** Cause of a wait for devices that are not as far yet. */
export const OTHERS = "other devices";

/** A device may be ahead of the others by this much before they catch up: links are shared. */
const AHEAD = 1e-6;

interface Arrival {
  count: number;
  time: number;
  /** When the last of the senders began. */
  sent: number;
}

/**
 * Runs the steps on every device of a group.
 *
 * @throws TooLong past `maxActions`; Error where a device waits for what nobody sends.
 */
export function simulate(
  steps: readonly Step[],
  device: DeviceFacts,
  ep: number,
  maxActions = 20_000_000,
): Simulated {
  return new Simulation(steps, device, ep).run(maxActions);
}

class Simulation {
  private readonly device: DeviceFacts;
  private readonly ep: number;
  private readonly rate: number;
  private readonly network: Network;
  private readonly runners: readonly Runner[];
  /** By stream and number of the send, what has come to each device. */
  private readonly arrivals = new Map<string, Arrival[]>();
  private readonly post = new Post();

  constructor(steps: readonly Step[], device: DeviceFacts, ep: number) {
    const { timing } = device;
    this.device = device;
    this.ep = ep;
    this.rate = device.hbmBandwidth * timing.hbmEfficiency.value;
    this.network = new Network(topologyOf(device, ep), {
      latency: timing.remoteLatency.value,
      hop: timing.hopLatency.value,
      copy: timing.remoteCopy.value,
    });
    this.runners = Array.from({ length: ep }, (_, index) => runnerOf(steps, index, this.rate));
  }

  /** Always the device that is behind goes on. */
  run(maxActions: number): Simulated {
    let actions = 0;
    for (;;) {
      let first: Runner | undefined;
      let second = Number.POSITIVE_INFINITY;
      for (const runner of this.runners) {
        if (runner.ended || runner.blocked !== undefined) continue;
        if (first === undefined || runner.time < first.time) {
          second = first?.time ?? second;
          first = runner;
        } else second = Math.min(second, runner.time);
      }
      if (first === undefined) break;
      while (!first.ended && first.blocked === undefined && first.time <= second + AHEAD) {
        const action = first.cursor.next();
        if (action === undefined) first.ended = true;
        else this.act(first, action);
        if (++actions > maxActions) throw new TooLong(maxActions);
      }
    }
    const stuck = this.runners.find(({ ended }) => !ended);
    if (stuck !== undefined) {
      const why = JSON.stringify(stuck.blocked);
      throw new Error(`device ${stuck.cursor.here.device} waits for ever: ${why}`);
    }
    return {
      seconds: Math.max(...this.runners.map(({ time }) => time)),
      devices: this.runners.map(({ time, account }) => ({ finish: time, account })),
      hbmBytes: this.runners.reduce((total, { hbm }) => total + hbm.bytes, 0),
      iciBytes: this.network.bytes,
    };
  }

  private seconds(quantity: Quantity, runner: Runner): number {
    return amount(quantity, runner.cursor.here) / this.device.clock;
  }

  private arrivalOf(stream: string, number: number, to: number): Arrival {
    const key = `${stream} ${number}`;
    let found = this.arrivals.get(key);
    if (found === undefined) {
      found = Array.from({ length: this.ep }, () => ({ count: 0, time: 0, sent: 0 }));
      this.arrivals.set(key, found);
    }
    return found[to] ?? { count: 0, time: 0, sent: 0 };
  }

  private work(runner: Runner, stage: string, time: number): void {
    runner.account.work(stage, time);
    runner.time += time;
  }

  private waitUntil(runner: Runner, cause: string, time: number, kind: WaitKind): void {
    runner.account.wait(cause, time - runner.time, kind);
    runner.time = Math.max(runner.time, time);
  }

  /** Takes what arrived; false if some of it was not sent yet. */
  private receive(runner: Runner, stream: string, upTo: number): boolean {
    const to = runner.cursor.here.device;
    for (let number = runner.received.get(stream) ?? 0; number < upTo; number++) {
      const arrival = this.arrivalOf(stream, number, to);
      if (arrival.count < this.ep) {
        runner.blocked = { stream, upTo };
        return false;
      }
      this.waitUntil(runner, OTHERS, arrival.sent, "devices");
      this.waitUntil(runner, stream, arrival.time, "ICI");
      runner.received.set(stream, number + 1);
    }
    return true;
  }

  private send(runner: Runner, action: Extract<Action, { do: "send" }>): void {
    const { here } = runner.cursor;
    const { stream } = action;
    const number = runner.sent.get(stream) ?? 0;
    runner.sent.set(stream, number + 1);
    for (let step = 0; step < this.ep; step++) {
      // Everyone begins with its neighbour, so that not all send to the same device first.
      const to = (here.device + step) % this.ep;
      const bytes = action.bytes(here, to);
      const copies = action.copies(here, to);
      const own = to === here.device;
      this.work(
        runner,
        `issue ${stream}`,
        (copies * this.device.timing.issueCycles.value) / this.device.clock,
      );
      const arrival = this.arrivalOf(stream, number, to);
      const time = own
        ? bytes === 0
          ? runner.time
          : runner.time + this.device.timing.dmaLatency.value + (2 * bytes) / this.rate
        : this.network.send(runner.time, here.device, to, bytes, copies);
      arrival.count++;
      arrival.time = Math.max(arrival.time, time);
      arrival.sent = Math.max(arrival.sent, runner.time);
      const other = this.runners[to];
      const blocked = other?.blocked;
      if (other !== undefined && blocked !== undefined && "upTo" in blocked) {
        if (
          this.arrivalOf(blocked.stream, other.received.get(blocked.stream) ?? 0, to).count ===
          this.ep
        ) {
          delete other.blocked;
          this.receive(other, blocked.stream, blocked.upTo);
        }
      }
    }
  }

  /** One copy to one device, which goes on if it waits for that. */
  private deliver(runner: Runner, action: Extract<Action, { do: "post" }>): void {
    const { here } = runner.cursor;
    const { stream, bytes, copies = 1 } = action;
    const { issueCycles } = this.device.timing;
    const to = action.to(here);
    this.work(runner, `issue ${stream}`, (copies * issueCycles.value) / this.device.clock);
    const arrival = this.network.send(runner.time, here.device, to, bytes, copies);
    const tag = action.tag(here);
    this.post.put(stream, to, tag, { sent: runner.time, arrival });
    const other = this.runners[to];
    if (other?.blocked !== undefined && "tag" in other.blocked && other.blocked.tag === tag) {
      if (other.blocked.stream !== stream) return;
      delete other.blocked;
      this.take(other, stream, tag);
    }
  }

  private take(runner: Runner, stream: string, tag: string): void {
    const letter = this.post.take(stream, runner.cursor.here.device, tag);
    if (letter === undefined) {
      runner.blocked = { stream, tag };
      return;
    }
    this.waitUntil(runner, OTHERS, letter.sent, "devices");
    this.waitUntil(runner, stream, letter.arrival, "ICI");
  }

  private barrier(runner: Runner, name: string): void {
    this.work(runner, "barriers", this.ep * this.device.timing.signal.value);
    runner.blocked = { barrier: name };
    const waiting = this.runners.filter(
      ({ blocked }) => blocked !== undefined && "barrier" in blocked && blocked.barrier === name,
    );
    if (waiting.length < this.ep) return;
    const last = Math.max(...waiting.map(({ time }) => time));
    for (const each of waiting) {
      delete each.blocked;
      this.waitUntil(each, OTHERS, last, "devices");
      if (this.ep > 1)
        this.waitUntil(each, "barriers", last + this.device.timing.remoteLatency.value, "ICI");
    }
  }

  private act(runner: Runner, action: Action): void {
    switch (action.do) {
      case "compute":
        this.work(runner, action.stage, this.seconds(action.cycles, runner));
        return;
      case "spend":
        this.work(runner, action.stage, amount(action.seconds, runner.cursor.here));
        return;
      case "start": {
        const bytes = amount(action.bytes, runner.cursor.here);
        const copies = amount(action.copies ?? 1, runner.cursor.here);
        if (action.counted !== true) {
          this.work(
            runner,
            `issue ${action.stream}`,
            (copies * this.device.timing.issueCycles.value) / this.device.clock,
          );
        }
        const list = runner.inFlight.get(action.stream) ?? [];
        // Many small copies are bound by the DMA engine, not by bandwidth.
        list.push(
          runner.hbm.start(
            runner.time,
            Math.max(bytes, copies * this.device.timing.localCopy.value * this.rate),
          ),
        );
        runner.inFlight.set(action.stream, list);
        return;
      }
      case "wait": {
        const list = runner.inFlight.get(action.stream) ?? [];
        for (const id of list.splice(0, action.all === true ? list.length : 1)) {
          this.waitUntil(
            runner,
            action.stream,
            runner.hbm.finish(id) + this.device.timing.dmaLatency.value,
            "HBM",
          );
        }
        return;
      }
      case "send":
        this.send(runner, action);
        return;
      case "post":
        this.deliver(runner, action);
        return;
      case "take":
        this.take(runner, action.stream, action.tag(runner.cursor.here));
        return;
      case "receive": {
        const received = runner.received.get(action.stream) ?? 0;
        const sent = runner.sent.get(action.stream) ?? 0;
        this.receive(runner, action.stream, action.all === true ? sent : received + 1);
        return;
      }
      case "barrier":
        this.barrier(runner, action.name);
    }
  }
}
