/** Scales of quantised weights: arguments, shapes and the copies that stream them. */
import { hasBlockColumns, quantizationText, scaleBlock } from "../dsl/quantization.ts";
import type { LayerSpec, Quantization } from "../dsl/spec.ts";

interface WeightLike {
  readonly name: string;
  /** Contraction and output channels last. */
  readonly dims: readonly string[];
  readonly meaning: string;
}

/** The scales of a weight array: its dimensions with scales for the last two. */
export function scaleInput<W extends WeightLike>(weight: W, quantization: Quantization): W {
  const leading = weight.dims.slice(0, -2);
  const [contraction = "", channels = ""] = weight.dims.slice(-2);
  const rows = scaleBlock(quantization) === undefined ? "1" : `${contraction} // SCALE_BLOCK`;
  const columns = hasBlockColumns(quantization) ? [`${channels} // SCALE_BLOCK`] : ["1", channels];
  return {
    ...weight,
    name: scaleName(weight.name),
    dims: [...leading, rows, ...columns],
    meaning: `scales of ${weight.name}`,
  };
}

export function scaleName(weight: string): string {
  return `${weight}_scale`;
}

/** Sizes of the dimensions that `scaleInput` names. */
export function scaleSizes(
  sizes: Readonly<Record<string, number>>,
  quantization: Quantization,
): Readonly<Record<string, number>> {
  const block = scaleBlock(quantization);
  if (block === undefined) return {};
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [`${name} // SCALE_BLOCK`, size / block]),
  );
}

/** Name of the kernel's reference to the scales of a weight reference. */
export function scaleRef(weights: string): string {
  return weights.replace(/_weights$/, "_scale");
}

/**
 * An index into weights (…, K, N) as one into their scale rows (…, K / SCALE_BLOCK, 1, N); `rows`
 * names the rows of a tile in it.
 */
export function scaleIndex(index: string, quantization: Quantization): string {
  const rows = scaleBlock(quantization) === undefined ? ":" : "scale_rows";
  return index.includes("rows")
    ? index.replace("rows", `${rows}, :`)
    : index.replace(", :, ", ", :, :, ");
}

function scaleShapeText(quantization: Quantization): string {
  if (scaleBlock(quantization) === undefined) return "(..., 1, 1, N)";
  return hasBlockColumns(quantization)
    ? "(..., K / SCALE_BLOCK, N / SCALE_BLOCK)"
    : "(..., K / SCALE_BLOCK, 1, N)";
}

const NO_QUANTIZATION = {
  quantized: false,
  scaleBlock: 0,
  scaleBlocks: false,
  blockColumns: false,
} as const;

export function quantizationContext(layer: LayerSpec): Record<string, unknown> {
  const { quantization, dtype } = layer;
  if (quantization === undefined) {
    return { ...NO_QUANTIZATION, weightDtype: dtype, weightDtypeName: "DTYPE" };
  }
  return {
    quantized: true,
    weightDtype: quantization.weights,
    weightDtypeName: "WEIGHT_DTYPE",
    scaleDtype: quantization.scales,
    scaleBlock: scaleBlock(quantization) ?? 0,
    scaleBlocks: scaleBlock(quantization) !== undefined,
    blockColumns: hasBlockColumns(quantization),
    integer: quantization.weights.startsWith("int"),
    quantizationText: quantizationText(quantization),
    scaleShapeText: scaleShapeText(quantization),
    scaleAxes: hasBlockColumns(quantization) ? "(-3, -1)" : "-2",
  };
}
