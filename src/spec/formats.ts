/** What a quantised layer's scales are, in numbers. */
import type { Activation, LayerSpec, RoutingSpec } from "./layer.ts";
import type { DType, Quantization, QuantizedDType, RowDType } from "./quantization.ts";

export const BLOCK = 128;
/** Any block of scales is a multiple of it: rows of a packed register of 8-bit weights. */
export const LEAST_BLOCK = 32;

/** Experts of all devices that weights lie for: those of the layer, and what fills up the last devices. */
export function heldExperts({ experts, heldExperts }: Pick<LayerSpec, "experts" | "heldExperts">) {
  return heldExperts ?? experts;
}

/** The layer as one device has it: its columns of each expert. Where they do not cut, as it is. */
export function deviceLayer<L extends Pick<LayerSpec, "intermediate">>(
  layer: L,
  mesh: { readonly tp?: number } | undefined,
): L {
  const columns = layer.intermediate / (mesh?.tp ?? 1);
  return Number.isInteger(columns) && columns !== layer.intermediate
    ? { ...layer, intermediate: columns }
    : layer;
}

/** Of a tile's rule in words, what F is where that of `deviceLayer` is not the layer's; else empty. */
export function cutText(
  layer: Pick<LayerSpec, "intermediate">,
  mesh: { readonly tp?: number },
  axis: "bt" | "bf" | "bd",
): string {
  const { intermediate } = layer;
  if (axis !== "bf" || deviceLayer(layer, mesh).intermediate === intermediate) return "";
  return `, F of ${intermediate} over tp = ${mesh.tp}`;
}

/** Experts of one of `ep` devices; the last ones may be of zero weights. */
export function localExperts({ experts }: Pick<LayerSpec, "experts">, ep: number): number {
  return Math.ceil(experts / ep);
}

/** The fewest experts of a device that tokens go to. */
export function leastLocalExperts(layer: Pick<LayerSpec, "experts">, ep: number): number {
  return Math.max(0, layer.experts - (ep - 1) * localExperts(layer, ep));
}

/** Whether experts have a gate: else their weights are up and down alone. */
export function hasGate({ activation }: Pick<LayerSpec, "activation">): boolean {
  return activation !== "relu2";
}

/** Whether experts are chosen by logits, and scores made of the chosen ones. */
export function scoredLater(routing: Extract<RoutingSpec, { where: "kernel" }>): boolean {
  return routing.scoreChosen === true || routing.scoreNear !== undefined;
}

/** Ids that a token's choice is among: those of experts, then those of identity experts. */
export function idsOf({
  experts,
  identityExperts = 0,
}: Pick<LayerSpec, "experts" | "identityExperts">): number {
  return experts + identityExperts;
}

/** Of a token's choices, the share that goes to experts where all ids are as likely. */
export function shareOfExperts(layer: Pick<LayerSpec, "experts" | "identityExperts">): number {
  return layer.experts / idsOf(layer);
}

/** The chance that a token goes to an expert, all ids as likely. */
export function chanceOfExpert(
  layer: Pick<LayerSpec, "experts" | "identityExperts" | "topK">,
): number {
  return layer.topK / idsOf(layer);
}

/** Projections of a row before the activation: gate and up, or up alone. */
export function projections(layer: Pick<LayerSpec, "activation">): 1 | 2 {
  return hasGate(layer) ? 2 : 1;
}

/** Neighbours along the contraction that share a scale; undefined: all of them. */
export function scaleBlock({ granularity }: Pick<Quantization, "granularity">): number | undefined {
  if (granularity === "per_channel") return undefined;
  return granularity === "blocks_128x128" ? BLOCK : granularity.block;
}

/** `least`, or the least multiple of it that has whole blocks of scales. */
export function wholeBlocks({ quantization }: Pick<LayerSpec, "quantization">, least: number) {
  const block = quantization === undefined ? undefined : scaleBlock(quantization);
  let size = least;
  while (block !== undefined && size % block !== 0) size += least;
  return size;
}

/** Whether neighbouring output channels share a scale too. */
export function hasBlockColumns({ granularity }: Quantization): boolean {
  return granularity === "blocks_128x128";
}

/** The layer as its shared experts see it: with their weights' quantisation. */
export function sharedLayer<L extends Pick<LayerSpec, "quantization" | "sharedExperts">>(
  layer: L,
): L {
  const own = layer.sharedExperts?.quantization;
  if (own === undefined) return layer;
  const { quantization: _, ...plain } = layer;
  return (own === "none" ? plain : { ...plain, quantization: own }) as L;
}

/** Whether the shared experts' weights are of another kind than the routed ones'. */
export function sharedApart(layer: Pick<LayerSpec, "quantization" | "sharedExperts">): boolean {
  const text = ({ quantization }: Pick<LayerSpec, "quantization">): string =>
    quantization === undefined ? "" : weightsText(quantization);
  return text(sharedLayer(layer)) !== text(layer);
}

const written = (activation: Activation): string =>
  JSON.stringify(typeof activation === "string" ? activation : Object.entries(activation).sort());

/** The shared experts' activation, where it is not the routed experts'. */
export function sharedActivation({
  activation,
  sharedExperts,
}: Pick<LayerSpec, "activation" | "sharedExperts">): Activation | undefined {
  const own = sharedExperts?.activation;
  return own === undefined || written(own) === written(activation) ? undefined : own;
}

/** Whether scales are powers of two, kept as their exponents. */
export function hasExponents({ scales }: Pick<Quantization, "scales">): boolean {
  return scales === "float8_e8m0fnu";
}

/** Exponents in a word of 32 bits. */
export const WORD_EXPONENTS = 4;
/** Columns of a tile of the TPU's memory. */
const TILE_COLUMNS = 128;

/** Which four exponents share a word: neighbours along the contraction, or of columns a tile apart. */
export type WordsAlong = "contraction" | "columns";

/**
 * Along the contraction a tile has whole words where it is cut in 128 rows, as axes are that fill the
 * lanes. Others are cut along rows alone, in fewer: there a row of scales has its columns in words.
 * Undefined: scales are no exponents.
 */
export function wordsAlong(
  layer: Pick<LayerSpec, "hidden" | "intermediate" | "quantization">,
): WordsAlong | undefined {
  const { hidden, intermediate, quantization } = layer;
  if (quantization === undefined || !hasExponents(quantization)) return undefined;
  const fills = [hidden, intermediate].every((size) => size % TILE_COLUMNS === 0);
  return fills ? "contraction" : "columns";
}

/** Words of a row of scales, for so many columns. */
export function columnWords(columns: number): number {
  return Math.ceil(columns / (WORD_EXPONENTS * TILE_COLUMNS)) * TILE_COLUMNS;
}

/** Scales of an array, as they lie. */
export interface ScaleArray {
  /** Rows of scales, or of words, along the contraction. */
  readonly rows: number;
  /** Scales, or words, of a row. */
  readonly columns: number;
  /** Of a scale, or of a word. */
  readonly bytes: 2 | 4;
}

/** Of weights (`contraction`, `channels`) as the kernel's copies take them: blocks' columns repeated. */
export function scaleArray(
  layer: Pick<LayerSpec, "hidden" | "intermediate"> & { readonly quantization: Quantization },
  contraction: number,
  channels: number,
): ScaleArray {
  const { quantization } = layer;
  const rows = contraction / (scaleBlock(quantization) ?? contraction);
  switch (wordsAlong(layer)) {
    case "contraction":
      return { rows: rows / WORD_EXPONENTS, columns: channels, bytes: 4 };
    case "columns":
      return { rows, columns: columnWords(channels), bytes: 4 };
    case undefined:
      return { rows, columns: channels, bytes: quantization.scales === "bfloat16" ? 2 : 4 };
  }
}

const BITS: Readonly<Record<DType | QuantizedDType, number>> = {
  float32: 32,
  bfloat16: 16,
  float8_e4m3fn: 8,
  float8_e5m2: 8,
  int8: 8,
  float4_e2m1fn: 4,
  int4: 4,
};

function weightBits({ dtype, quantization }: Pick<LayerSpec, "dtype" | "quantization">): number {
  return BITS[quantization?.weights ?? dtype];
}

/** Bytes of one weight as it lies in HBM: half of one where two share it. */
export function weightBytes(layer: Pick<LayerSpec, "dtype" | "quantization">): number {
  return weightBits(layer) / 8;
}

/** Least rows that a copy of weights can begin at: those of a packed vector register, 16 or more. */
export function packedRows(layer: Pick<LayerSpec, "dtype" | "quantization">): number {
  return Math.max(256 / weightBits(layer), 16);
}

/** Type of the rows that multiply weights of a type in 8 bits: what the matrix units take together. */
const ROWS_WITH: Readonly<Partial<Record<QuantizedDType, RowDType>>> = {
  int8: "int8",
  float8_e4m3fn: "float8_e4m3fn",
  float8_e5m2: "float8_e4m3fn",
  float4_e2m1fn: "float8_e4m3fn",
};

/** The legal type of quantised activations; undefined: there is none. */
export function activationsWith({ weights }: Quantization): RowDType | undefined {
  return ROWS_WITH[weights];
}

/** Type that token rows are quantised to where they come in; undefined: they stay as they are. */
export function tokenRows({
  quantization,
  wire,
}: Pick<LayerSpec, "quantization" | "wire">): RowDType | undefined {
  return quantization?.activations ?? wire?.dispatch;
}

/** In words: "int8, one float32 scale a channel, int8 rows". */
export function quantizationText(quantization: Quantization): string {
  const { activations } = quantization;
  const rows = activations === undefined ? "" : `, ${activations} rows`;
  return `${weightsText(quantization)}${rows}`;
}

/** Of the weights alone. */
export function weightsText({ weights, granularity, scales }: Quantization): string {
  if (granularity === "per_channel") return `${weights}, one ${scales} scale a channel`;
  if (granularity === "blocks_128x128") return `${weights}, ${scales} scales of 128 x 128`;
  return `${weights}, one ${scales} scale for ${granularity.block} of a channel`;
}
