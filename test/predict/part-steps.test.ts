/** Parts of sums in the order in which a device has them complete: nothing that arrives is left out. */
import { expect, test } from "vitest";
import { partSteps, stepsOf } from "../../src/predict/machine/relays.ts";
import { torusOf } from "../../src/predict/machine/torus.ts";
import { devices } from "../../src/target/device/registry.ts";

test.each([
  ["v7x", 8, 2],
  ["v7x", 2, 1],
  ["v6e", 4, 1],
  ["v6e", 8, 0],
  ["v5p", 32, 4],
] as const)(
  "%s, ep %i, %i parts: each part is complete once, with all that arrives for it",
  (name, ep, parts) => {
    const steps = stepsOf(torusOf(devices[name], ep), ep, parts, true);
    for (const each of steps) {
      const { parts: found, nearest } = partSteps(each);
      const cuts = Math.max(parts, 1);
      expect(found).toHaveLength(ep * cuts);
      expect(found.filter(({ peer }) => peer === undefined)).toHaveLength(cuts);
      const arrived = found.flatMap(({ arrivals }) => arrivals).toSorted((a, b) => a - b);
      expect(arrived).toEqual(Array.from({ length: each.sends }, (_, slot) => slot));
      expect(nearest).toBeLessThanOrEqual(found.length);
      // Of the nearest nothing waits for what comes after them.
      const early = new Set(each.reduce.slice(0, each.nearest).map(({ slot }) => slot));
      const taken = found.slice(0, nearest).flatMap(({ arrivals }) => arrivals);
      expect(taken.filter((slot) => !early.has(slot))).toEqual([]);
    }
  },
);
