/** The plan of several kinds of layers of one model: each kind's own, and which layers have it. */
import type { Plan } from "./plan.ts";

export interface KindPlan {
  readonly kind: string;
  /** Indices of its layers in the model, ascending. */
  readonly at: readonly number[];
  readonly plan: Plan;
  /** What the layers' caller or their weights' loader must do, one sentence each. */
  readonly notes?: readonly string[];
}

export interface LayersPlan {
  /** Of the package. */
  readonly name: string;
  readonly source?: string;
  /** Two or more, or one whose layers are some of the model's. */
  readonly kinds: readonly KindPlan[];
}
