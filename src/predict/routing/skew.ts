/** What a user or a record says about routing, and how likely that makes each expert. */
import { shuffled } from "./random.ts";

export type Skew =
  /** Each token draws its experts independently, all alike. */
  | { readonly kind: "uniform" }
  /** Every expert gets the same number of rows, within one. */
  | { readonly kind: "balanced" }
  /** The r-th most popular expert is chosen with weight 1 / r^s; which is which is random. */
  | { readonly kind: "zipf"; readonly s: number }
  /** `count` experts, chosen at random, share `ratio` of the traffic; the others the rest. */
  | { readonly kind: "hotspot"; readonly count: number; readonly ratio: number }
  /** Traffic of each expert, in any unit. */
  | { readonly kind: "histogram"; readonly weights: readonly number[] }
  /** The experts of each token as recorded; tokens are repeated as often as needed. */
  | { readonly kind: "recorded"; readonly tokens: readonly (readonly number[])[] };

/** Routing that cannot be: the CLI shows it as wrong use. */
export class RoutingError extends Error {
  override readonly name = "UsageError";
}

/**
 * Weight of each expert in a draw.
 *
 * @throws RoutingError for a histogram of other experts, and more hot experts than there are.
 */
export function weightsOf(
  skew: Exclude<Skew, { kind: "recorded" | "balanced" }>,
  experts: number,
  random: () => number,
): readonly number[] {
  if (skew.kind === "uniform") return Array.from({ length: experts }, () => 1);
  if (skew.kind === "histogram") {
    if (skew.weights.length !== experts) {
      throw new RoutingError(
        `the histogram has ${skew.weights.length} entries, the layer ${experts} experts`,
      );
    }
    return skew.weights;
  }
  const order = shuffled(experts, random);
  const weights = Array.from({ length: experts }, () => 0);
  if (skew.kind === "zipf") {
    order.forEach((expert, rank) => {
      weights[expert] = (rank + 1) ** -skew.s;
    });
    return weights;
  }
  const hot = skew.count;
  if (hot > experts) {
    throw new RoutingError(`hotspot:${hot} has more hot experts than the layer's ${experts}`);
  }
  // Where every expert is hot there are no others to take the rest.
  const ratio = hot === experts ? 1 : skew.ratio;
  order.forEach((expert, rank) => {
    weights[expert] = rank < hot ? ratio / hot : (1 - ratio) / (experts - hot);
  });
  return weights;
}

/** A skew as one writes it: `uniform`, `balanced`, `zipf:1.2`, `hotspot:48` or `hotspot:128:0.67`. */
export function parseSkew(text: string): Skew | undefined {
  const [word = "", first, second, ...rest] = text.split(":");
  if (rest.length > 0) return undefined;
  if ((word === "uniform" || word === "balanced") && first === undefined) return { kind: word };
  const value = Number(first);
  if (word === "zipf" && second === undefined && first !== undefined) {
    return Number.isFinite(value) && value >= 0 && first !== ""
      ? { kind: "zipf", s: value }
      : undefined;
  }
  if (word !== "hotspot" || !Number.isInteger(value) || value < 1) return undefined;
  const ratio = second === undefined ? 1 : Number(second);
  return ratio > 0 && ratio <= 1 ? { kind: "hotspot", count: value, ratio } : undefined;
}

/** As the command line writes it. */
export function skewName(skew: Skew): string {
  switch (skew.kind) {
    case "zipf":
      return `zipf ${skew.s}`;
    case "hotspot":
      return `${skew.count} experts take ${Math.round(skew.ratio * 100)} %`;
    case "histogram":
      return "given histogram";
    case "recorded":
      return `recorded, ${skew.tokens.length} tokens`;
    default:
      return skew.kind;
  }
}
