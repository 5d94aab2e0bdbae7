/** Quantised weights against the layer: the routed experts', and the shared ones' own. */

import { sharedSize } from "../../kernel/weights/arguments.ts";
import {
  activationsWith,
  BLOCK,
  hasBlockColumns,
  hasExponents,
  LEAST_BLOCK,
  scaleBlock,
  sharedApart,
  wordsAlong,
} from "../../spec/formats.ts";
import type { LayerSpec } from "../../spec/layer.ts";
import type { Quantization } from "../../spec/quantization.ts";
import type { Finding, SpecPath } from "../diagnostic.ts";
import { nearestOf } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

/** What is quantised, where the spec says how, and the sizes that its blocks of scales cut. */
interface Quantized {
  readonly quantization: Quantization;
  readonly path: SpecPath;
  readonly sizes: Readonly<Record<string, number>>;
}

function quantizedOf(layer: LayerSpec): readonly Quantized[] {
  const { hidden, intermediate, quantization, sharedExperts } = layer;
  const own = sharedExperts?.quantization;
  const columns = sharedSize(layer);
  const shared = columns === 0 ? {} : { "the shared experts'": columns };
  const found: Quantized[] = [];
  if (quantization !== undefined) {
    const sizes = { "D =": hidden, "F =": intermediate, ...(own === undefined ? shared : {}) };
    found.push({ quantization, path: ["layer", "quantization"], sizes });
  }
  if (own !== undefined && own !== "none") {
    const path = ["layer", "sharedExperts", "quantization"];
    found.push({ quantization: own, path, sizes: { "D =": hidden, ...shared } });
  }
  return found;
}

/** A block of scales lies in whole registers, and none is cut off at the end of a contraction. */
export const scaleBlocksFit: Rule = ({ spec, sound }) =>
  sound("layer") ? quantizedOf(spec.layer).flatMap(blockProblems) : [];

function blockProblems({ quantization, path, sizes }: Quantized): readonly Finding[] {
  const block = scaleBlock(quantization);
  if (block === undefined) return [];
  const all = Object.values(sizes);
  const fits = (size: number): boolean => all.every((one) => one % size === 0);
  if (block % LEAST_BLOCK === 0 && fits(block)) return [];
  const legal: number[] = [];
  for (let size = LEAST_BLOCK; size <= Math.min(...all); size += LEAST_BLOCK)
    if (fits(size)) legal.push(size);
  const blocks = quantization.granularity === "blocks_128x128";
  const named = Object.entries(sizes).map(([name, size]) => `${name} ${size}`);
  return [
    error({
      code: "MOE125",
      path: [...path, "granularity", ...(blocks ? [] : ["block"])],
      message:
        block % LEAST_BLOCK === 0
          ? `scales of ${block} do not divide ${named.join(", ")}`
          : `block = ${block} is not a multiple of ${LEAST_BLOCK}`,
      nearest: blocks ? [] : nearestOf(legal, block),
    }),
  ];
}

/** Why exponents do not lie in words where a layer has them; undefined: they do. */
function withoutWords(layer: LayerSpec, { quantization, path }: Quantized): string | undefined {
  const { hidden, intermediate, weights, sharedExperts } = layer;
  const block = scaleBlock(quantization);
  const scales = `scales = "${quantization.scales}"`;
  if (block !== LEAST_BLOCK || hasBlockColumns(quantization)) {
    return `${scales} for other blocks than ${LEAST_BLOCK} of a channel`;
  }
  if (path.includes("sharedExperts")) return `${scales} of the shared experts alone`;
  if (wordsAlong(layer) === "contraction") return undefined;
  const [D, F] = [`D = ${hidden}`, `F = ${intermediate}`];
  if (hidden % BLOCK === 0 || intermediate % BLOCK === 0) {
    const [filled, other] = hidden % BLOCK === 0 ? [D, F] : [F, D];
    return `${scales}, where ${filled} fills lanes and ${other} does not`;
  }
  if (weights === "side_by_side")
    return `${scales} and weights side by side, where ${F} fills no lanes`;
  const shared = sharedExperts !== undefined && !sharedApart(layer);
  return shared ? `${scales} and shared experts alike, where ${D} fills no lanes` : undefined;
}

/** MOE165: exponents lie four in a word: of neighbours along the contraction, or of columns a tile apart. */
export const exponentsLieInWords: Rule = ({ spec, sound }) => {
  if (!sound("layer")) return [];
  const { layer } = spec;
  return quantizedOf(layer).flatMap((quantized) => {
    if (!hasExponents(quantized.quantization)) return [];
    const message = withoutWords(layer, quantized);
    if (message === undefined) return [];
    const path = [...quantized.path, "scales"];
    return [error({ code: "MOE165", path, message, nearest: ["bfloat16", "float32"] })];
  });
};

/** What of a layer's weights a device cannot multiply, in words; undefined where it can all. */
export function untaken(
  layer: Parameters<typeof quantizedOf>[0],
  device: { readonly name: string; readonly takesFloat4: boolean },
): string | undefined {
  const float4 = quantizedOf(layer).some(
    ({ quantization }) => quantization.weights === "float4_e2m1fn",
  );
  return float4 && !device.takesFloat4
    ? `${device.name} has no products with float4_e2m1fn weights`
    : undefined;
}

/** A type that the compiler refuses on one of the devices. */
export const devicesTakeWeights: Rule = ({ spec, sound, devices }) => {
  if (!sound("layer") || !sound("devices")) return [];
  const named: readonly string[] = spec.devices;
  const taking = Object.values(devices).filter((one) => untaken(spec.layer, one) === undefined);
  return spec.devices.flatMap((name, index) => {
    const device = devices[name];
    const message = device && untaken(spec.layer, device);
    if (message === undefined) return [];
    return [
      error({
        code: "MOE127",
        path: ["devices", index],
        message,
        nearest: taking.map(({ name: other }) => other).filter((other) => !named.includes(other)),
        ...(named.length > 1 ? { note: "or leave it out: the others stay" } : {}),
      }),
    ];
  });
};

/** MOE143: float8 holds what an NVFP4 weight and its two scales are; blocks of 128 x 128 lose more. */
export const checkpointIsFloat8: Rule = ({ spec, sound }) => {
  if (!sound("layer")) return [];
  return quantizedOf(spec.layer).flatMap(({ quantization, path }) => {
    const { checkpoint, weights, granularity } = quantization;
    if (checkpoint === undefined) return [];
    if (weights === "float8_e4m3fn" && granularity !== "blocks_128x128") return [];
    const field = weights === "float8_e4m3fn" ? "granularity" : "weights";
    const written = weights === "float8_e4m3fn" ? "scales of 128 x 128" : `${weights} weights`;
    return [
      error({
        code: "MOE143",
        path: [...path, field],
        message: `checkpoint = "nvfp4" with ${written}`,
        nearest: [field === "weights" ? "float8_e4m3fn" : "per_channel"],
      }),
    ];
  });
};

/** Their scales and helper come beside those of the routed experts. */
export const sharedAreNotAlone: Rule = ({ spec, sound }) => {
  if (!sound("layer") || spec.layer.quantization !== undefined) return [];
  const own = spec.layer.sharedExperts?.quantization;
  if (own === undefined || own === "none") return [];
  return [
    error({
      code: "MOE128",
      path: ["layer", "sharedExperts", "quantization"],
      message: `the shared experts have ${own.weights} weights, the routed ones ${spec.layer.dtype}`,
      nearest: ['"none"'],
    }),
  ];
};

/** Float32 rows ask for an exactness that quantised weights do not have. */
export const quantizedRowsAreBfloat16: Rule = ({ spec, sound }) => {
  if (!sound("layer")) return [];
  const { dtype, quantization } = spec.layer;
  if (quantization === undefined || dtype === "bfloat16") return [];
  return [
    error({
      code: "MOE126",
      path: ["layer", "dtype"],
      message: `dtype = "${dtype}" with quantised weights`,
      nearest: ["bfloat16"],
    }),
  ];
};

/** Rows of 8 bits are cut where blocks end. */
export const blocksCutRows: Rule = ({ spec, sound }) => {
  const quantization = spec.layer?.quantization;
  if (quantization?.activations === undefined || !sound("layer")) return [];
  const block = scaleBlock(quantization);
  if (block === undefined || block % BLOCK === 0) return [];
  return [
    error({
      code: "MOE135",
      path: ["layer", "quantization", "activations"],
      message: `activations with scales of ${block} along the contraction`,
      nearest: [
        `granularity: { kind: "sub_channel", block: ${Math.max(BLOCK, Math.round(block / BLOCK) * BLOCK)} }${
          // Exponents are for blocks of 32 alone.
          hasExponents(quantization) ? ', scales: "float32"' : ""
        }`,
      ],
    }),
  ];
};

/** Mixed types compile, but no device multiplies them natively: they cost more than bfloat16 rows. */
export const activationsMatchWeights: Rule = ({ spec, sound }) => {
  const quantization = spec.layer?.quantization;
  if (quantization?.activations === undefined || !sound("layer")) return [];
  const legal = activationsWith(quantization);
  if (quantization.activations === legal) return [];
  return [
    error({
      code: "MOE130",
      path: ["layer", "quantization", "activations"],
      message: `activations = "${quantization.activations}" with weights = "${quantization.weights}"`,
      nearest: legal === undefined ? [] : [legal],
      ...(legal === undefined
        ? { note: "leave activations out: bfloat16 rows are multiplied" }
        : {}),
    }),
  ];
};
