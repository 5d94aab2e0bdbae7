/** The time that a sweep may take: when it is spent, whatever runs is ended, and that is no failure. */

/** Longer a timer cannot wait: 24 days. */
const MOST_MS = 2 ** 31 - 1;

/**
 * A span of time from its making. `within` throws what its work throws, unless the budget is spent.
 */
export class Budget {
  readonly #user: AbortSignal;
  readonly #end: number;
  readonly #spent = new AbortController();
  /** For whatever is to end with the budget: aborts when it is spent, or the user stops. */
  readonly signal: AbortSignal;

  /** `seconds` from now; undefined: without an end. */
  constructor(seconds?: number, user: AbortSignal = new AbortController().signal) {
    const limit = seconds ?? Number.POSITIVE_INFINITY;
    this.#user = user;
    this.#end = performance.now() + 1000 * limit;
    this.signal = AbortSignal.any([user, this.#spent.signal]);
    if (seconds === undefined) return;
    const spend = (): void => this.#spent.abort(new Error("the budget is spent"));
    setTimeout(spend, Math.min(MOST_MS, 1000 * limit)).unref();
  }

  /** Its end came before the work's, and the user did not stop it. */
  get spent(): boolean {
    return this.#spent.signal.aborted && !this.#user.aborted;
  }

  /** There is an end. */
  get limited(): boolean {
    return Number.isFinite(this.#end);
  }

  /** A budget of this share of what is left, for one of several stages. */
  part(share: number): Budget {
    if (!this.limited) return this;
    const left = Math.max(0, this.#end - performance.now()) / 1000;
    return new Budget(left * share, this.#user);
  }

  /** The result of `work`; undefined where the budget ended it. What else it throws is thrown. */
  async within<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    try {
      this.signal.throwIfAborted();
      return await work(this.signal);
    } catch (error) {
      if (this.spent) return undefined;
      throw error;
    }
  }
}
