/** Scales of quantised weights: arguments, shapes and the copies that stream them. */
import {
  hasBlockColumns,
  scaleBlock,
  sharedApart,
  sharedLayer,
  weightsText,
} from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { Quantization } from "../../spec/quantization.ts";
import { NO_BLOCK } from "../part.ts";

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

/** The block of templates that tells the constant SCALE_BLOCK; none where a channel has one scale. */
export function scaleBlockTemplate({ quantization }: Pick<LayerSpec, "quantization">): string {
  if (quantization === undefined || scaleBlock(quantization) === undefined) return NO_BLOCK;
  return `kernel/weights/scale_block/${hasBlockColumns(quantization) ? "block" : "group"}`;
}

/** Name of the argument with the scales of a weight array. */
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

/** What tells the shared experts' weights apart from the routed ones'; their own constants. */
export function sharedQuantizationContext(layer: LayerSpec): Record<string, unknown> {
  const apart = sharedApart(layer);
  const own = quantizationContext(sharedLayer(layer));
  return {
    sharedApart: apart,
    sharedOwnQuantized: apart && own.quantized === true,
    sharedQuantized: own.quantized,
    sharedWeightDtype: own.weightDtype,
    sharedScaleDtype: own.scaleDtype ?? "",
    sharedScaleBlock: own.scaleBlock,
    sharedOwnBlocks: apart && own.scaleBlocks === true,
    sharedBlockColumns: own.blockColumns,
    sharedDequantize: apart ? "shared_quantization.dequantize" : "dequantize",
  };
}

const NO_QUANTIZATION = {
  quantized: false,
  scaleBlock: 0,
  scaleBlocks: false,
  blockColumns: false,
  unpacked: false,
} as const;

/** OCP microscaling: its checkpoints have 4-bit weights as bytes. */
export function isMxfp4({ weights, granularity }: Quantization): boolean {
  return weights === "float4_e2m1fn" && scaleBlock({ granularity }) === 32;
}

/** What templates say of a layer's quantised weights; plain ones have a dtype alone. */
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
    /** Index of a tile's rows of scales. */
    scaleRowsIndex: scaleBlock(quantization) === undefined ? ":" : "scale_rows",
    blockColumns: hasBlockColumns(quantization),
    integer: quantization.weights.startsWith("int"),
    unpacked: isMxfp4(quantization) || quantization.checkpoint !== undefined,
    quantizationText: weightsText(quantization),
  };
}
