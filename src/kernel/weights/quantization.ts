/** Scales of quantised weights: arguments, shapes and the copies that stream them. */
import {
  columnWords,
  hasBlockColumns,
  hasExponents,
  scaleBlock,
  sharedApart,
  sharedLayer,
  WORD_EXPONENTS,
  weightsText,
  wordsAlong,
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

/** A layer whose weights are quantised. */
type QuantizedLayer = Pick<LayerSpec, "hidden" | "intermediate"> & {
  readonly quantization: Quantization;
};

/** The constant with the rows of weights that a row of scales, or of words of them, is for. */
export function scaleUnit(layer: Pick<LayerSpec, "hidden" | "intermediate" | "quantization">) {
  return wordsAlong(layer) === "contraction" ? "WORD_ROWS" : "SCALE_BLOCK";
}

/** The constant with the words of a row of scales, for the columns that a constant has. */
export function wordColumns(columns: string): string {
  return `${columns.replace(/_SIZE$/, "")}_WORDS`;
}

/** The scales of a weight array: its dimensions with scales for the last two. */
export function scaleInput<W extends WeightLike>(weight: W, layer: QuantizedLayer): W {
  const { quantization } = layer;
  const leading = weight.dims.slice(0, -2);
  const [contraction = "", channels = ""] = weight.dims.slice(-2);
  const rows =
    scaleBlock(quantization) === undefined ? "1" : `${contraction} // ${scaleUnit(layer)}`;
  const each = wordsAlong(layer) === "columns" ? wordColumns(channels) : channels;
  const columns = hasBlockColumns(quantization) ? [`${channels} // SCALE_BLOCK`] : ["1", each];
  return {
    ...weight,
    name: scaleName(weight.name),
    dims: [...leading, rows, ...columns],
    meaning: hasExponents(quantization)
      ? `exponents of the scales of ${weight.name}, four in a word`
      : `scales of ${weight.name}`,
  };
}

/** The block of templates that tells the constant SCALE_BLOCK; none where a channel has one scale. */
export function scaleBlockTemplate(
  layer: Pick<LayerSpec, "hidden" | "intermediate" | "quantization">,
): string {
  const { quantization } = layer;
  if (quantization === undefined || scaleBlock(quantization) === undefined) return NO_BLOCK;
  const along = wordsAlong(layer);
  if (along !== undefined) return `kernel/weights/scale_block/words_along_${along}`;
  return `kernel/weights/scale_block/${hasBlockColumns(quantization) ? "block" : "group"}`;
}

/** Name of the argument with the scales of a weight array. */
export function scaleName(weight: string): string {
  return `${weight}_scale`;
}

/** Sizes of the dimensions that `scaleInput` names. */
export function scaleSizes(
  sizes: Readonly<Record<string, number>>,
  layer: QuantizedLayer,
): Readonly<Record<string, number>> {
  const { quantization } = layer;
  const block = scaleBlock(quantization);
  if (block === undefined) return {};
  const along = wordsAlong(layer);
  const rows = along === "contraction" ? WORD_EXPONENTS * block : block;
  return Object.fromEntries(
    Object.entries(sizes).flatMap(([name, size]) => [
      [`${name} // ${scaleUnit(layer)}`, size / rows],
      ...(along === "columns" ? [[wordColumns(name), columnWords(size)]] : []),
    ]),
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
  exponents: false,
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
  const exponents = hasExponents(quantization);
  const along = wordsAlong(layer);
  return {
    quantized: true,
    weightDtype: quantization.weights,
    weightDtypeName: "WEIGHT_DTYPE",
    scaleDtype: exponents ? "uint32" : quantization.scales,
    exponents,
    wordsAlongColumns: along === "columns",
    wordRows: WORD_EXPONENTS * (scaleBlock(quantization) ?? 0),
    hiddenWords: columnWords(layer.hidden),
    intermediateWords: columnWords(layer.intermediate),
    /** What the docstrings say of scales in VMEM. */
    scaleText: exponents ? "uint32" : "float32",
    scaleUnit: scaleUnit(layer),
    scaleBlock: scaleBlock(quantization) ?? 0,
    scaleBlocks: scaleBlock(quantization) !== undefined,
    /** Index of a tile's rows of scales. */
    scaleRowsIndex: scaleBlock(quantization) === undefined ? ":" : "scale_rows",
    blockColumns: hasBlockColumns(quantization),
    integer: quantization.weights.startsWith("int"),
    unpacked: exponents || isMxfp4(quantization) || quantization.checkpoint !== undefined,
    quantizationText: weightsText(quantization),
  };
}
