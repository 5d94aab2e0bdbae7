/** What quantised rows mean and cost, for `explain`. */

import type { Plan } from "../../plan/plan.ts";
import { scaleBlock, tokenRows } from "../../spec/formats.ts";
import type { RowDType } from "../../spec/quantization.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { LANES, layoutOf } from "./layout.ts";
import { multiplies, takesNarrowRows } from "./widening.ts";

/** Feed-forward of 128 rows beside that of bfloat16, where it was counted. */
function costText(
  name: string,
  rows: RowDType,
  block: number | undefined,
  narrow: boolean,
): string {
  const counted = deviceOf(name).feedForwardBundles;
  const found = counted?.[rows];
  if (counted === undefined || found === undefined) return "";
  const size = block === undefined ? "channel" : block < 256 ? "block128" : "block256";
  const bundles = narrow ? found[size] : found.widened;
  if (bundles === undefined) return "";
  const ratio = (bundles / counted.bfloat16).toFixed(2);
  return `; feed-forward of 128 rows ${ratio} x the bundles of bfloat16`;
}

/** Lines on rows between devices and in products; none where nothing is quantised. */
export function rowsText({ layer, kernels }: Plan): readonly string[] {
  const rows = tokenRows(layer);
  const { row, partRow, sumRow } = layoutOf(layer);
  const bytes = (sublanes: number): number => sublanes * LANES * 4;
  const instead = `instead of ${bytes(sumRow / 2)}`;
  const names = [...new Set(kernels.map(({ device }) => device))];
  const sent =
    rows === undefined
      ? []
      : [
          `token rows ${rows}, quantised once, on their own device: ${bytes(row)} bytes to each other device ${instead}`,
        ];
  const combine = layer.wire?.combine;
  const summed =
    combine === undefined
      ? []
      : [
          `partial sums ${combine}, every device's: ${bytes(partRow)} bytes back from each other device ${instead}`,
        ];
  return [...sent, ...productText(layer, names), ...summed];
}

/** How quantised rows are multiplied on each device. */
function productText(layer: Plan["layer"], names: readonly string[]): readonly string[] {
  const { quantization } = layer;
  const rows = quantization?.activations;
  if (quantization === undefined || rows === undefined) {
    return tokenRows(layer) === undefined
      ? []
      : [`widened to ${layer.dtype}, which is exact, before the product, and scaled after it`];
  }
  const narrow = takesNarrowRows(layer, names);
  const block = scaleBlock(quantization);
  const blocks = block === undefined ? "" : `, a product for every ${block} of the contraction`;
  const perDevice = names.map((name) => {
    const how = multiplies(name, rows)
      ? `multiplied in 8 bits${blocks}`
      : narrow
        ? `no ${rows} units, the compiler widens inside the product${blocks}`
        : `no ${rows} units, widened to bfloat16 (exact) before the product`;
    return `${name}: ${how}${costText(name, rows, block, narrow)}`;
  });
  return ["activated rows quantised again before down", ...perDevice];
}
