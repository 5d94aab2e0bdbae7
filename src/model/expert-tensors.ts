/**
 * The routed experts' weights among a checkpoint's arrays, and whether they are what a layer says:
 * how many, of which shapes, of which type. Names are those of transformers' and the models' own code:
 * one array a projection of each expert, or one for all experts of a layer.
 */
import { hasGate } from "../spec/formats.ts";
import type { LayerSpec } from "../spec/layer.ts";
import type { TensorHeader } from "./safetensors.ts";

/** What a projection's array holds. */
type Role = "gate" | "up" | "gate and up" | "down";

const ROLES: Readonly<Record<string, Role>> = {
  ...{ gate_proj: "gate", up_proj: "up", down_proj: "down", gate_up_proj: "gate and up" },
  ...{ w1: "gate", w3: "up", w2: "down", linear: "gate", linear_v: "up", linear_1: "down" },
  ...{ input_linear: "gate and up", output_linear: "down" },
};

const WEIGHT = String.raw`(?:\.weight|\.weight_packed|\.qweight|_blocks|\.weight_blocks)?$`;
const PROJECTION = `(${Object.keys(ROLES).join("|")})`;
/** Of one expert: layers.3.mlp.experts.17.up_proj.weight. */
const SINGLE = new RegExp(
  String.raw`layers?\.(\d+)\.(?:.*\.)?experts\.(\d+)\.${PROJECTION}${WEIGHT}`,
);
/** Of all experts of a layer: layers.3.mlp.experts.gate_up_proj, layers.3.moe.up_proj.weight. */
const STACKED = new RegExp(
  String.raw`layers?\.(\d+)\.(?:.*\.)?(?:experts|moe|block_sparse_moe)\.${PROJECTION}${WEIGHT}`,
);

/** Weights of one stored element, by its type: words of packed 4-bit or 8-bit ones. */
const PACKED: Readonly<Record<string, readonly number[]>> = {
  ...{ U8: [1, 2], I8: [1, 2], I32: [8, 4], U32: [8, 4], I64: [16, 8] },
};
const FLOATS: Readonly<Record<string, string>> = {
  BF16: "bfloat16",
  F32: "float32",
  F16: "float16",
};
const EIGHT: Readonly<Record<string, string>> = {
  F8_E4M3: "float8_e4m3fn",
  F8_E5M2: "float8_e5m2",
};

/** One expert's or all experts' projection of a layer. */
interface Found extends TensorHeader {
  readonly layer: number;
  /** Absent: all experts of the layer. */
  readonly expert: number | undefined;
  readonly role: Role;
}

function foundIn(tensor: TensorHeader): Found | undefined {
  const { name } = tensor;
  // Of the layers that predict further tokens some are counted apart.
  if (/shared_?(?:expert|mlp)|\bmtp\b/.test(name)) return undefined;
  const single = SINGLE.exec(name);
  const [, layer, expert, projection] = single ?? insertExpert(STACKED.exec(name));
  const role = projection === undefined ? undefined : ROLES[projection];
  if (layer === undefined || role === undefined) return undefined;
  const number = expert === undefined ? undefined : Number(expert);
  return { ...tensor, layer: Number(layer), expert: number, role };
}

function insertExpert(found: RegExpExecArray | null): readonly (string | undefined)[] {
  return found === null ? [] : [found[0], found[1], undefined, found[2]];
}

/** What a checkpoint says of a layer's experts. */
export interface Confirmed {
  /** One sentence each: what is as the config says. */
  readonly agreed: readonly string[];
  /** What is not, each with the array at fault. */
  readonly wrong: readonly string[];
}

/** `layers`: those with experts, where the config counts them. */
export function confirmExperts(
  tensors: readonly TensorHeader[],
  layer: LayerSpec,
  layers: number | undefined,
): Confirmed {
  const found = tensors.map(foundIn).filter((one) => one !== undefined);
  const [first] = found;
  if (first === undefined) {
    const some = tensors.slice(0, 3).map(({ name }) => name);
    const wrong = `no array has a name that experts' weights are known by; its first: ${some.join(", ")}`;
    return { agreed: [], wrong: [wrong] };
  }
  const byLayer = new Map<number, Found[]>();
  for (const one of found) {
    const others = byLayer.get(one.layer);
    if (others === undefined) byLayer.set(one.layer, [one]);
    else others.push(one);
  }
  const wrong = [
    ...found.flatMap((one) => shapeProblems(one, layer)).slice(0, MOST_TOLD),
    ...typeProblems(found, layer),
    ...[...byLayer].flatMap(([at, some]) => countProblems(at, some, layer)).slice(0, MOST_TOLD),
    ...(layers === undefined || byLayer.size === layers || layers < byLayer.size
      ? []
      : [`${byLayer.size} layers have experts' weights, the config says ${layers}`]),
  ];
  if (wrong.length > 0) return { agreed: [], wrong };
  const shapes = [...new Map(found.map((one) => [one.role, one])).values()]
    .map(({ role, dtype, shape }) => `${role} ${dtype} [${shape.join(", ")}]`)
    .join(", ");
  return { agreed: [`${layer.experts} experts in ${byLayer.size} layers, ${shapes}`], wrong };
}

/** The same fault in every layer is told this often. */
const MOST_TOLD = 3;

function shapeProblems(found: Found, layer: LayerSpec): readonly string[] {
  const { name, shape, dtype, expert, role } = found;
  const columns = role === "gate and up" ? 2 * layer.intermediate : layer.intermediate;
  const leading = expert === undefined ? layer.experts : 1;
  const wanted = leading * layer.hidden * columns;
  const elements = shape.reduce((all, size) => all * size, 1);
  const packed = PACKED[dtype] ?? [1];
  const stacked = expert !== undefined || shape[0] === layer.experts;
  const whole = packed.includes(1) || shape.length > 3 || packedAlong(shape, layer, columns);
  const plain = packed.length > 1 || sameSizes(shape.slice(-2), [layer.hidden, columns]);
  if (stacked && whole && plain && packed.some((each) => elements * each === wanted)) return [];
  const said = [...(expert === undefined ? [layer.experts] : []), columns, layer.hidden];
  return [`${name} is ${dtype} [${shape.join(", ")}], the config says [${said.join(", ")}]`];
}

/** Packed along one axis: the other is as it is. */
function packedAlong(shape: readonly number[], { hidden }: LayerSpec, columns: number): boolean {
  return shape.slice(-2).some((size) => size === hidden || size === columns);
}

function sameSizes(some: readonly number[], wanted: readonly [number, number]): boolean {
  const [a, b] = some;
  return (a === wanted[0] && b === wanted[1]) || (a === wanted[1] && b === wanted[0]);
}

/** Types that the experts' arrays have, against what the layer's weights are read as. */
function typeProblems(found: readonly Found[], layer: LayerSpec): readonly string[] {
  const types = new Map(found.map((one) => [one.dtype, one.name]));
  return [...types].flatMap(([dtype, name]) => {
    const wrong = (said: string): readonly string[] => [
      `${name} is ${dtype}, the config says ${said}`,
    ];
    const float = FLOATS[dtype];
    const { quantization } = layer;
    if (float !== undefined) {
      if (quantization !== undefined) return wrong(`${quantization.weights} weights`);
      return float === layer.dtype ? [] : wrong(layer.dtype);
    }
    if (quantization === undefined) return wrong(`${layer.dtype} weights`);
    const eight = EIGHT[dtype];
    return eight === undefined || eight === quantization.weights ? [] : wrong(quantization.weights);
  });
}

/** Every expert, with each of its projections. */
function countProblems(at: number, found: readonly Found[], layer: LayerSpec): readonly string[] {
  const roles = new Map<string, Set<number>>();
  for (const { expert, role } of found) {
    for (const one of role === "gate and up" ? ["gate", "up"] : [role]) {
      const experts = roles.get(one) ?? new Set();
      if (expert === undefined) for (let e = 0; e < layer.experts; e++) experts.add(e);
      else experts.add(expert);
      roles.set(one, experts);
    }
  }
  const needed = hasGate(layer) ? ["gate", "up", "down"] : ["up", "down"];
  return [...new Set([...needed, ...roles.keys()])].flatMap((role) => {
    const experts = roles.get(role) ?? new Set();
    const beyond = [...experts].find((expert) => expert >= layer.experts);
    if (!needed.includes(role)) return [`layer ${at} has a ${role} projection, the config none`];
    if (beyond !== undefined) {
      return [
        `layer ${at} has an expert ${beyond}, the config ${layer.experts}: 0 to ${layer.experts - 1}`,
      ];
    }
    if (experts.size === layer.experts) return [];
    return [`layer ${at} has ${role} of ${experts.size} experts, the config says ${layer.experts}`];
  });
}
