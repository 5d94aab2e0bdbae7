/** Quantised weights against the layer. */
import { LEAST_BLOCK, scaleBlock } from "../../dsl/quantization.ts";
import { sharedSize } from "../../emit/weights.ts";
import { nearestOf } from "../numbers.ts";
import { error, type Rule } from "./rule.ts";

/** A block of scales lies in whole registers, and none is cut off at the end of a contraction. */
export const scaleBlocksFit: Rule = ({ spec, sound }) => {
  const quantization = spec.layer?.quantization;
  if (quantization === undefined || !sound("layer")) return [];
  const block = scaleBlock(quantization);
  if (block === undefined) return [];
  const { hidden, intermediate } = spec.layer;
  const shared = sharedSize(spec.layer);
  const sizes = [hidden, intermediate, ...(shared === 0 ? [] : [shared])];
  const fits = (size: number): boolean => sizes.every((all) => all % size === 0);
  if (block % LEAST_BLOCK === 0 && fits(block)) return [];
  const legal: number[] = [];
  for (let size = LEAST_BLOCK; size <= Math.min(...sizes); size += LEAST_BLOCK)
    if (fits(size)) legal.push(size);
  const blocks = quantization.granularity === "blocks_128x128";
  const named = shared === 0 ? "" : ` and the shared experts' ${shared}`;
  return [
    error({
      code: "MOE125",
      path: ["layer", "quantization", "granularity", ...(blocks ? [] : ["block"])],
      message:
        block % LEAST_BLOCK === 0
          ? `scales of ${block} do not divide D = ${hidden}, F = ${intermediate}${named}`
          : `block = ${block} is not a multiple of ${LEAST_BLOCK}`,
      nearest: blocks ? [] : nearestOf(legal, block),
    }),
  ];
};

/** A type that the compiler refuses on one of the devices. */
export const devicesTakeWeights: Rule = ({ spec, sound, devices }) => {
  const weights = spec.layer?.quantization?.weights;
  if (weights !== "float4_e2m1fn" || !sound("layer", "quantization") || !sound("devices"))
    return [];
  const taking = Object.values(devices).filter(({ takesFloat4 }) => takesFloat4);
  return spec.devices.flatMap((name, index) =>
    devices[name]?.takesFloat4 === false
      ? [
          error({
            code: "MOE127",
            path: ["devices", index],
            message: `${name} has no products with ${weights} weights`,
            nearest: taking.map((device) => device.name),
          }),
        ]
      : [],
  );
};

/** Float32 rows ask for an exactness that 8-bit weights do not have. */
export const quantizedRowsAreBfloat16: Rule = ({ spec, sound }) => {
  if (spec.layer?.quantization === undefined || !sound("layer")) return [];
  const { dtype } = spec.layer;
  if (dtype === "bfloat16") return [];
  return [
    error({
      code: "MOE126",
      path: ["layer", "dtype"],
      message: `dtype = "${dtype}" with quantised weights`,
      nearest: ["bfloat16"],
    }),
  ];
};
