/** HBM of one device: the copies in flight share its bandwidth evenly. */

interface Copy {
  readonly id: number;
  left: number;
}

/**
 * Times in seconds, on one clock for all calls. `finish` throws RangeError for a copy that was
 * never started.
 */
export class Hbm {
  private readonly rate: number;
  private now = 0;
  private next = 0;
  private active: Copy[] = [];
  private readonly done = new Map<number, number>();
  /** Bytes moved in all. */
  bytes = 0;

  /** @param rate bytes a second that copies reach together */
  constructor(rate: number) {
    this.rate = rate;
  }

  /** A copy starts; gives its handle. Calls come in order of time. */
  start(time: number, bytes: number): number {
    this.advance(time);
    const id = this.next++;
    this.bytes += bytes;
    if (bytes > 0) this.active.push({ id, left: bytes });
    else this.done.set(id, time);
    return id;
  }

  /** When a copy is through, if nothing else starts before; each is asked for once. */
  finish(id: number): number {
    for (;;) {
      const time = this.done.get(id);
      if (time !== undefined) {
        this.done.delete(id);
        return time;
      }
      this.step(Number.POSITIVE_INFINITY);
    }
  }

  private advance(time: number): void {
    while (this.active.length > 0 && this.now < time) this.step(time);
    this.now = Math.max(this.now, time);
  }

  /** To the next end of a copy, or to `until`. */
  private step(until: number): void {
    let least = Number.POSITIVE_INFINITY;
    for (const copy of this.active) least = Math.min(least, copy.left);
    if (least === Number.POSITIVE_INFINITY) throw new RangeError("a copy that was never started");
    const each = this.rate / this.active.length;
    const end = this.now + least / each;
    if (end > until) {
      for (const copy of this.active) copy.left -= (until - this.now) * each;
      this.now = until;
      return;
    }
    this.now = end;
    // Equal copies end together: what is left of them is rounding.
    const through = least * (1 + 1e-9);
    this.active = this.active.filter((copy) => {
      copy.left -= least;
      if (copy.left > through - least) return true;
      this.done.set(copy.id, end);
      return false;
    });
  }
}
