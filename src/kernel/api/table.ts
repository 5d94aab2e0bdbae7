/** The rules of the generated tile table: what a caller's own tiles must keep. */
import { isStreamed } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { axisRule, cuts, rowMultiple } from "../feed-forward/rules.ts";
import { MOST_PASS_TOKENS } from "../routing/words.ts";
import { axisUnit, fillsLanes, type Layer, paddedHidden } from "../rows/layout.ts";
import { isTiled, leavesSlots, sharedOf } from "../shared-experts/spread.ts";

/** The rule of one axis as the checker has it, in Python and in words. */
function axisTexts(layer: Layer, axis: "bf" | "bd", streamed: boolean): Record<string, string> {
  const size = axis === "bf" ? layer.intermediate : layer.hidden;
  const rule = (python: string, text: string): Record<string, string> => ({
    [`${axis}Rule`]: python,
    [`${axis}RuleText`]: text,
  });
  const whole = rule(`self.${axis} == ${size}`, `${size}, the whole axis`);
  if (!streamed) return whole;
  const { legal } = axisRule(layer, axis);
  const [least = size] = legal;
  if (least === size) return whole;
  const unit = axisUnit(layer, axis, size);
  const all = cuts(size, unit);
  const divides = `${size} % self.${axis} == 0 and self.${axis} % ${unit} == 0`;
  const text = `a multiple of ${unit} that divides ${size}`;
  if (legal.length === all.length) return rule(`self.${axis} > 0 and ${divides}`, text);
  if (legal.length === all.filter((tile) => tile >= least).length) {
    return rule(`self.${axis} >= ${least} and ${divides}`, `${text}, at least ${least}`);
  }
  // Only hidden tiles that are padded one by one leave out others than the least.
  const room = `pads to at most ${paddedHidden(layer)} columns in all`;
  return rule(`self.${axis} in (${legal.join(", ")})`, `${text} and ${room}`);
}

export function tableContext(plan: Plan): Record<string, unknown> {
  const { layer, mesh, kernels } = plan;
  const streamed = isStreamed(kernels);
  const shared = sharedOf(layer, mesh.ep);
  const cutDown = streamed && fillsLanes(layer.hidden);
  return {
    mostPassTokens: Math.floor(MOST_PASS_TOKENS / mesh.ep),
    ...axisTexts(layer, "bf", streamed),
    ...axisTexts(layer, "bd", streamed),
    sharedColumns: shared?.columns ?? 0,
    // Down tiles are cut along columns where D fills lanes and weights stream.
    sharedTileText: cutDown ? "self.shared_tile * self.bd" : "self.shared_tile",
    sharedTilesText: `${shared?.columns ?? 0}${cutDown ? ` * ${layer.hidden}` : ""}`,
    sharedFills: shared !== undefined && !leavesSlots(shared, layer, kernels, streamed),
    sharedTiled: shared !== undefined && isTiled(shared, streamed),
    sharedUnit: shared?.unit ?? 0,
    rowGroup: rowMultiple(layer),
  };
}
