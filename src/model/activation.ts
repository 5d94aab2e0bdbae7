/** The names that configs use for activations, as transformers' `ACT2FN` has them. */
import type { Activation } from "../spec/layer.ts";
import { show } from "../spec/show.ts";
import type { ConfigReader } from "./config.ts";
import { field, numberOf, statedName } from "./field.ts";
import { refuseActivation } from "./refuse.ts";

/** Source: transformers, activations.py (`gelu` is the exact form, `gelu_new` the tanh form). */
const ACTIVATIONS: ReadonlyMap<unknown, Activation> = new Map([
  ["silu", "silu"],
  ["swish", "silu"],
  ["gelu", "gelu_erf"],
  ["gelu_python", "gelu_erf"],
  ["gelu_pytorch_tanh", "gelu"],
  ["gelu_new", "gelu"],
]);

/** The activation under any of `names`, or `otherwise`, the family's, where none is stated. */
export function activationOf(
  config: ConfigReader,
  names: readonly string[] = ["hidden_act"],
  otherwise: Activation = "silu",
): Activation {
  const name = statedName(config, names);
  if (name === undefined) return otherwise;
  const value = config.get(name);
  const known = ACTIVATIONS.get(value);
  if (known !== undefined) return known;
  refuseActivation(config, name, `${name} ${show(value)} is not an activation the kernel has`);
  return otherwise;
}

/** Gate and up clamped at the config's limit before silu, as `clamped_swiglu` means it. */
export function clampedOf(config: ConfigReader, otherwise: number): Activation {
  const limit = numberOf(config, "activation", field(otherwise, "swiglu_limit"));
  return { kind: "clamped_swiglu", limit };
}

/** Kimi-K3's activation where `hidden_act` names it, with its modelling code's caps; else what that names. */
export function situOf(config: ConfigReader): Activation {
  if (config.get("hidden_act") !== "situ") return activationOf(config);
  const beta = numberOf(config, "activation", field(1, "activation_situ_beta"));
  const linear = numberOf(config, "activation", field(0, "activation_situ_linear_beta"));
  return { kind: "situ", beta, ...(linear === 0 ? {} : { linearBeta: linear }) };
}

/** GPT-OSS's activation, with its configuration class's alpha and limit where the config has none. */
export function swigluoaiOf(config: ConfigReader): Activation {
  const alpha = numberOf(config, "activation", field(1.702, "swiglu_alpha"));
  const limit = numberOf(config, "activation", field(7, "swiglu_limit"));
  return { kind: "swigluoai", alpha, limit };
}
