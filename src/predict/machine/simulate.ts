/** The event simulation: every device of the group goes through its steps on a clock of its own. */
import type { DeviceFacts } from "../../target/device/facts.ts";
import { amount, type Quantity, type Step } from "../step.ts";
import { Account, type WaitKind } from "./account.ts";
import { type Action, Cursor } from "./cursor.ts";
import { Hbm } from "./hbm.ts";
import { Network } from "./network.ts";
import { topologyOf } from "./topology.ts";

export interface Simulated {
  readonly seconds: number;
  readonly devices: readonly { readonly finish: number; readonly account: Account }[];
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

interface Runner {
  readonly cursor: Cursor;
  readonly hbm: Hbm;
  readonly account: Account;
  time: number;
  /** Copies started and not waited for, oldest first, by stream. */
  readonly inFlight: Map<string, number[]>;
  readonly sent: Map<string, number>;
  readonly received: Map<string, number>;
  /** What it cannot go on without. */
  blocked?: { readonly stream: string; readonly upTo: number } | { readonly barrier: string };
  ended: boolean;
}

export function simulate(
  steps: readonly Step[],
  device: DeviceFacts,
  ep: number,
  maxActions = 20_000_000,
): Simulated {
  const { timing, clock } = device;
  const seconds = (quantity: Quantity, runner: Runner): number =>
    amount(quantity, runner.cursor.here) / clock;
  const rate = device.hbmBandwidth * timing.hbmEfficiency.value;
  const network = new Network(topologyOf(device, ep), {
    latency: timing.remoteLatency.value,
    hop: timing.hopLatency.value,
    copy: timing.remoteCopy.value,
  });
  const runners = Array.from(
    { length: ep },
    (_, index): Runner => ({
      cursor: new Cursor(steps, index),
      hbm: new Hbm(rate),
      account: new Account(),
      time: 0,
      inFlight: new Map(),
      sent: new Map(),
      received: new Map(),
      ended: false,
    }),
  );
  /** By stream and number of the send, what has come to each device. */
  const arrivals = new Map<string, Arrival[]>();
  const arrivalOf = (stream: string, number: number, to: number): Arrival => {
    const key = `${stream} ${number}`;
    let found = arrivals.get(key);
    if (found === undefined) {
      found = Array.from({ length: ep }, () => ({ count: 0, time: 0, sent: 0 }));
      arrivals.set(key, found);
    }
    return found[to] ?? { count: 0, time: 0, sent: 0 };
  };

  const work = (runner: Runner, stage: string, time: number): void => {
    runner.account.work(stage, time);
    runner.time += time;
  };
  const waitUntil = (runner: Runner, cause: string, time: number, kind: WaitKind): void => {
    runner.account.wait(cause, time - runner.time, kind);
    runner.time = Math.max(runner.time, time);
  };

  /** Takes what arrived; false if some of it was not sent yet. */
  const receive = (runner: Runner, stream: string, upTo: number): boolean => {
    const to = runner.cursor.here.device;
    for (let number = runner.received.get(stream) ?? 0; number < upTo; number++) {
      const arrival = arrivalOf(stream, number, to);
      if (arrival.count < ep) {
        runner.blocked = { stream, upTo };
        return false;
      }
      waitUntil(runner, OTHERS, arrival.sent, "devices");
      waitUntil(runner, stream, arrival.time, "ICI");
      runner.received.set(stream, number + 1);
    }
    return true;
  };

  const send = (runner: Runner, action: Extract<Action, { do: "send" }>): void => {
    const { here } = runner.cursor;
    const { stream } = action;
    const number = runner.sent.get(stream) ?? 0;
    runner.sent.set(stream, number + 1);
    for (let step = 0; step < ep; step++) {
      // Everyone begins with its neighbour, so that not all send to the same device first.
      const to = (here.device + step) % ep;
      const bytes = action.bytes(here, to);
      const copies = action.copies(here, to);
      const own = to === here.device;
      work(runner, `issue ${stream}`, (copies * timing.issueCycles.value) / clock);
      const arrival = arrivalOf(stream, number, to);
      const time = own
        ? bytes === 0
          ? runner.time
          : runner.time + timing.dmaLatency.value + (2 * bytes) / rate
        : network.send(runner.time, here.device, to, bytes, copies);
      arrival.count++;
      arrival.time = Math.max(arrival.time, time);
      arrival.sent = Math.max(arrival.sent, runner.time);
      const other = runners[to];
      const blocked = other?.blocked;
      if (other !== undefined && blocked !== undefined && "stream" in blocked) {
        if (arrivalOf(blocked.stream, other.received.get(blocked.stream) ?? 0, to).count === ep) {
          delete other.blocked;
          receive(other, blocked.stream, blocked.upTo);
        }
      }
    }
  };

  const barrier = (runner: Runner, name: string): void => {
    work(runner, "barriers", ep * timing.signal.value);
    runner.blocked = { barrier: name };
    const waiting = runners.filter(
      ({ blocked }) => blocked !== undefined && "barrier" in blocked && blocked.barrier === name,
    );
    if (waiting.length < ep) return;
    const last = Math.max(...waiting.map(({ time }) => time));
    for (const each of waiting) {
      delete each.blocked;
      waitUntil(each, OTHERS, last, "devices");
      if (ep > 1) waitUntil(each, "barriers", last + timing.remoteLatency.value, "ICI");
    }
  };

  const act = (runner: Runner, action: Action): void => {
    switch (action.do) {
      case "compute":
        work(runner, action.stage, seconds(action.cycles, runner));
        return;
      case "spend":
        work(runner, action.stage, amount(action.seconds, runner.cursor.here));
        return;
      case "start": {
        const bytes = amount(action.bytes, runner.cursor.here);
        const copies = amount(action.copies ?? 1, runner.cursor.here);
        work(runner, `issue ${action.stream}`, (copies * timing.issueCycles.value) / clock);
        const list = runner.inFlight.get(action.stream) ?? [];
        // Many small copies are bound by the DMA engine, not by bandwidth.
        list.push(
          runner.hbm.start(runner.time, Math.max(bytes, copies * timing.localCopy.value * rate)),
        );
        runner.inFlight.set(action.stream, list);
        return;
      }
      case "wait": {
        const list = runner.inFlight.get(action.stream) ?? [];
        for (const id of list.splice(0, action.all === true ? list.length : 1)) {
          waitUntil(runner, action.stream, runner.hbm.finish(id) + timing.dmaLatency.value, "HBM");
        }
        return;
      }
      case "send":
        send(runner, action);
        return;
      case "receive": {
        const received = runner.received.get(action.stream) ?? 0;
        const sent = runner.sent.get(action.stream) ?? 0;
        receive(runner, action.stream, action.all === true ? sent : received + 1);
        return;
      }
      case "barrier":
        barrier(runner, action.name);
    }
  };

  let actions = 0;
  for (;;) {
    let first: Runner | undefined;
    let second = Number.POSITIVE_INFINITY;
    for (const runner of runners) {
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
      else act(first, action);
      if (++actions > maxActions) throw new TooLong(maxActions);
    }
  }
  const stuck = runners.find(({ ended }) => !ended);
  if (stuck !== undefined) {
    const why = JSON.stringify(stuck.blocked);
    throw new Error(`device ${stuck.cursor.here.device} waits for ever: ${why}`);
  }
  return {
    seconds: Math.max(...runners.map(({ time }) => time)),
    devices: runners.map(({ time, account }) => ({ finish: time, account })),
    hbmBytes: runners.reduce((total, { hbm }) => total + hbm.bytes, 0),
    iciBytes: network.bytes,
  };
}
