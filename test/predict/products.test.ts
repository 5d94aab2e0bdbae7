/** What stands between the products of a block's weight tiles. */
import { expect, test } from "vitest";
import { productsOf } from "../../src/predict/plan/products.ts";
import { amount, type Here, type Step } from "../../src/predict/step.ts";

const here = (trip: number): Here => ({ device: 0, trip: () => trip });
const amid: Step = { do: "wait", stream: "sums_back" };

/** What one trip does: cycles, and what stands amid. */
function seen(at: number, trip: number): readonly (number | string)[] {
  return productsOf(() => 300, { at: () => at, body: [amid] }).flatMap(
    (step): (number | string)[] => {
      if (step.do === "compute") return [Math.round(amount(step.cycles, here(trip)))];
      if (step.do === "when") return step.test(here(trip)) ? ["amid"] : [];
      return ["another step"];
    },
  );
}

test("it comes once, after so much of the products, and takes none of them away", () => {
  // Two of three matrices, of two tiles of three.
  expect([0, 1, 2].map((trip) => seen(4 / 3, trip))).toEqual([
    [300, 0],
    [100, "amid", 200],
    [0, 300],
  ]);
  expect([0, 1].map((trip) => seen(1, trip))).toEqual([
    [300, 0],
    [0, "amid", 300],
  ]);
});

test("where nothing stands there a trip's products are one step", () => {
  const steps = productsOf(() => 300, { at: () => 1, body: [] });
  expect(steps.map((step) => step.do)).toEqual(["compute"]);
});
