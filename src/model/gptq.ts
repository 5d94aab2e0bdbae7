/**
 * AWQ and GPTQ: integers of 4 or 8 bits with scales of groups along the contraction.
 * Source: AutoAWQ, awq/modules/linear/gemm.py; AutoGPTQ, quantization/config.py; transformers 5.24,
 * utils/quantization_config.py (AwqConfig, GPTQConfig).
 */
import type { Dict } from "../spec/dict.ts";
import { integers, type Keys, type Read, shown, strange } from "./quantization-methods.ts";

const any = (): boolean => true;

/** Keys that do not change what the weights mean; another one may. */
const KEYS: Keys = Object.fromEntries(
  [
    ...["quant_method", "bits", "w_bit", "group_size", "q_group_size", "zero_point", "sym"],
    ...[
      "desc_act",
      "modules_to_not_convert",
      "version",
      "backend",
      "damp_percent",
      "true_sequential",
    ],
    ...["static_groups", "model_name_or_path", "model_file_base_name", "is_marlin_format"],
    ...[
      "checkpoint_format",
      "meta",
      "dataset",
      "tokenizer",
      "batch_size",
      "block_name_to_quantize",
    ],
    ...[
      "lm_head",
      "pack_dtype",
      "use_exllama",
      "exllama_config",
      "max_input_length",
      "use_cuda_fp16",
    ],
    ...["cache_block_outputs", "model_seqlen", "module_name_preceding_first_block", "do_fuse"],
  ].map((key) => [key, any]),
);

/** A scale for `size` weights of a channel, or for all of them where it is -1. */
function granularityOf(size: unknown) {
  if (size === -1) return "per_channel" as const;
  return typeof size === "number" && size > 0
    ? ({ kind: "sub_channel", block: size } as const)
    : undefined;
}

/** Weights of `bits`; `zeros`: a group has a zero point of its own. */
function read(config: Dict, bits: unknown, size: unknown, zeros: boolean): Read {
  const odd = strange(config, KEYS);
  if (odd !== undefined) return { refused: `weights of ${shown(bits)} bits with ${odd}` };
  const granularity = granularityOf(size);
  const what = `weights of ${shown(bits)} bits, a scale for ${shown(size)} of them`;
  if (granularity === undefined || (bits !== 4 && (bits !== 8 || zeros))) {
    return { refused: zeros && bits === 8 ? `${what}, with zero points` : what };
  }
  return integers(bits, granularity, zeros);
}

/** AWQ: `zero_point` unless it is denied; names of the config, or of the file beside it. */
export function awq(config: Dict): Read {
  const bits = config.bits ?? config.w_bit;
  const size = config.group_size ?? config.q_group_size;
  return read(config, bits, size, config.zero_point !== false);
}

/** GPTQ: `desc_act` permutes the contraction, so that a group's weights lie apart. */
export function gptq(config: Dict): Read {
  const { bits, group_size: size } = config;
  if (config.desc_act === true && size !== -1) {
    return { refused: `weights of ${shown(bits)} bits with desc_act: a group's weights lie apart` };
  }
  if (config.checkpoint_format === "marlin" || config.is_marlin_format === true) {
    return { refused: "GPTQ weights in the order of Marlin's kernels" };
  }
  return read(config, bits, size, config.sym === false);
}
