/**
 * When a worker that says nothing new is given up: by its own processor time, or because it stands
 * still; never by the clock, which runs the same for a worker that a busy machine keeps waiting.
 */

/** What a worker says of itself while an operation runs, once in `seconds` of its own. */
export interface Pulse {
  readonly seconds: number;
  /** Processor seconds of its process so far. */
  readonly cpu: number;
  /** Steps of simulated devices so far. */
  readonly steps: number;
}

export interface Patience {
  /** Processor seconds without an event or an answer. */
  readonly cpu: number;
  /** Seconds, as its pulses count them, in which it does nothing at all. */
  readonly still: number;
}

/** Seconds of pulses without work: whoever waits for a processor gets some of it meanwhile. */
export const STILL_SECONDS = 120;
/** Seconds without even a pulse: Python itself hangs, or the way to it is cut. */
export const SILENT_SECONDS = 600;
/** Share of a processor that threads take which only look, ten times a second, whether to go on. */
const LOOKING = 0.02;

/** Of one request. */
export class Watch {
  readonly #patience: Patience;
  #start: Pulse | undefined;
  #mark: Pulse | undefined;
  #passed = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Something was done. */
  news(): void {
    this.#start = undefined;
    this.#mark = undefined;
    this.#passed = 0;
  }

  /** Why to give up, where there is a reason. */
  pulse(now: Pulse): string | undefined {
    const { cpu, still } = this.#patience;
    this.#start ??= now;
    if (now.cpu - this.#start.cpu >= cpu) return `no end after ${cpu} s of processor time`;
    const mark = this.#mark;
    if (mark === undefined) {
      this.#mark = now;
      return undefined;
    }
    this.#passed += now.seconds;
    if (this.#passed < still) return undefined;
    if (now.steps === mark.steps && now.cpu - mark.cpu < LOOKING * this.#passed) {
      return `stood still for ${Math.round(this.#passed)} s`;
    }
    this.#mark = now;
    this.#passed = 0;
    return undefined;
  }
}
