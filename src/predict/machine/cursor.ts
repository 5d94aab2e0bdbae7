/** Walks one device through a tree of steps, one step that does something at a time. */
import { amount, type Here, type Step } from "../step.ts";

interface Frame {
  readonly steps: readonly Step[];
  at: number;
  readonly loop?: { readonly name: string; trip: number; readonly trips: number };
}

export type Action = Exclude<Step, { do: "loop" } | { do: "when" }>;

/**
 * One device's place in a tree of steps. `here.trip` throws RangeError for a loop that is not
 * around the current step: the tree is wrong then.
 */
export class Cursor {
  readonly here: Here;
  private readonly frames: Frame[];
  private readonly trips = new Map<string, number>();

  constructor(steps: readonly Step[], device: number) {
    this.frames = [{ steps, at: 0 }];
    this.here = {
      device,
      trip: (loop) => {
        const trip = this.trips.get(loop);
        if (trip === undefined) throw new RangeError(`no loop "${loop}" around this step`);
        return trip;
      },
    };
  }

  /** The next action; undefined at the end. */
  next(): Action | undefined {
    for (let frame = this.frames.at(-1); frame !== undefined; frame = this.frames.at(-1)) {
      const step = frame.steps[frame.at++];
      if (step === undefined) this.leave(frame);
      else if (step.do === "loop") this.enter(step);
      else if (step.do !== "when") return step;
      else if (step.test(this.here)) this.frames.push({ steps: step.body, at: 0 });
    }
    return undefined;
  }

  private enter({ name, trips, body }: Extract<Step, { do: "loop" }>): void {
    const count = Math.round(amount(trips, this.here));
    if (count <= 0) return;
    this.trips.set(name, 0);
    this.frames.push({ steps: body, at: 0, loop: { name, trip: 0, trips: count } });
  }

  private leave(frame: Frame): void {
    const { loop } = frame;
    if (loop !== undefined && loop.trip + 1 < loop.trips) {
      loop.trip++;
      this.trips.set(loop.name, loop.trip);
      frame.at = 0;
      return;
    }
    if (loop !== undefined) this.trips.delete(loop.name);
    this.frames.pop();
  }
}
