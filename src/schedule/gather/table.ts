/** The rules of the generated tile table: what a caller's own tiles must keep. */
import { isStreamed } from "../../plan/lower.ts";
import type { Plan } from "../../plan/plan.ts";
import { fillsLanes, type Layer, tileUnit } from "./layout.ts";
import { ROW_MULTIPLE, rowMultiple } from "./rules.ts";
import { isTiled, leavesSlots, sharedOf } from "./shared.ts";
import { MOST_PASS_TOKENS } from "./sizes.ts";

function axisTexts(
  layer: Layer,
  axis: "bf" | "bd",
  size: number,
  streamed: boolean,
): Record<string, string> {
  const multiple = fillsLanes(size) ? tileUnit(layer) : ROW_MULTIPLE;
  return streamed
    ? {
        [`${axis}Rule`]: `self.${axis} > 0 and ${size} % self.${axis} == 0 and self.${axis} % ${multiple} == 0`,
        [`${axis}RuleText`]: `a multiple of ${multiple} that divides ${size}`,
      }
    : {
        [`${axis}Rule`]: `self.${axis} == ${size}`,
        [`${axis}RuleText`]: `${size}, the whole axis`,
      };
}

export function tableContext(plan: Plan): Record<string, unknown> {
  const { layer, mesh, kernels } = plan;
  const streamed = isStreamed(kernels);
  const shared = sharedOf(layer, mesh.ep);
  const cutDown = streamed && fillsLanes(layer.hidden);
  return {
    mostPassTokens: Math.floor(MOST_PASS_TOKENS / mesh.ep),
    ...axisTexts(layer, "bf", layer.intermediate, streamed),
    ...axisTexts(layer, "bd", layer.hidden, streamed),
    sharedColumns: shared?.columns ?? 0,
    // Down tiles are cut along columns where D fills lanes and weights stream.
    sharedTileText: cutDown ? "self.shared_tile * self.bd" : "self.shared_tile",
    sharedTilesText: `${shared?.columns ?? 0}${cutDown ? ` * ${layer.hidden}` : ""}`,
    sharedFills: shared !== undefined && !leavesSlots(shared, layer, kernels, streamed),
    sharedTiled: shared !== undefined && isTiled(shared, streamed),
    tileUnit: tileUnit(layer),
    rowGroup: rowMultiple(layer),
  };
}
