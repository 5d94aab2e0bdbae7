/** How far off predictions are, from the published measurements: what `npm run bench:predict` says. */
import type { DeviceFacts } from "../target/device/facts.ts";

export interface Spread {
  /** Measured over predicted: four of five measurements lie between these. */
  readonly low: number;
  readonly high: number;
  readonly source: string;
}

const KNOWN: Readonly<Record<string, Spread>> = {
  v7x: { low: 0.8, high: 1.6, source: "bench:predict, sets C to K" },
  v6e: {
    low: 0.8,
    high: 1.4,
    source:
      "bench:predict, set A from 2,048 tokens on (16 chips; its shorter calls of both back ends hold " +
      "some 400 us that no schedule explains)",
  },
};

/** A kind that nobody measured is known no better than the worst that was. */
const UNKNOWN: Spread = { low: 0.7, high: 2, source: "no measurement of this kind of device" };

/** How far predictions for a kind of device were off, and where that was seen. */
export function spreadOf({ name }: DeviceFacts): Spread {
  return KNOWN[name] ?? UNKNOWN;
}
