/** A worker that has its next job at hand: how many it has begun, and when it begins none. */
import { expect, it } from "vitest";
import { keepBusy } from "../../src/sweep/ahead.ts";

/** Jobs that end when they are told to, in the order in which they were begun. */
function jobs(count: number, plenty: (left: number) => boolean) {
  const left = Array.from({ length: count }, (_, at) => at);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const done = keepBusy(
    { next: async () => left.shift(), plenty: () => plenty(left.length) },
    (job) => {
      begun.push(job);
      return new Promise<void>((resolve, reject) => {
        ends.push(() => (job === 13 ? reject(new Error("unlucky")) : resolve()));
      });
    },
  );
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  return {
    begun,
    done,
    end: async () => {
      ends.shift()?.();
      await turn();
    },
    turn,
  };
}

it("begins the next one before the last has ended, and no third", async () => {
  const { begun, done, end, turn } = jobs(4, () => true);
  await turn();
  expect(begun).toEqual([0, 1]);
  await end();
  expect(begun).toEqual([0, 1, 2]);
  for (let left = 3; left > 0; left--) await end();
  await done;
  expect(begun).toEqual([0, 1, 2, 3]);
});

it("leaves the last to whoever is free", async () => {
  const { begun, done, end, turn } = jobs(4, (left) => left > 1);
  await turn();
  expect(begun).toEqual([0, 1]);
  await end();
  // Two are left: one more may wait here, and then only one is.
  expect(begun).toEqual([0, 1, 2]);
  await end();
  expect(begun).toEqual([0, 1, 2]);
  await end();
  expect(begun).toEqual([0, 1, 2, 3]);
  await end();
  await done;
});

it("throws what failed when all that had begun has ended, and begins none after it", async () => {
  const { begun, done, end } = jobs(20, () => true);
  const failed = expect(done).rejects.toThrow("unlucky");
  for (let count = 0; count < 20; count++) await end();
  await failed;
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
});
