/** What a model has and the language cannot say: refused by name, with what answers it. */
import type { ConfigReader } from "./config.ts";

/** The caller routes: what answers any routing that the kernel does not have. */
export const GIVEN = 'routing: { where: "given" }';

/** The caller computes them: what answers shared experts that are not the routed ones' kind. */
export const OUTSIDE = 'sharedExperts: "outside"';

/** Routing that the language cannot say; an override of `routing` answers it. */
export function refuseRouting(
  config: ConfigReader,
  configField: string,
  message: string,
  nearest: readonly string[] = [GIVEN],
): void {
  config.report({ code: "MOE303", layerField: "routing", configField, message, nearest });
}

/** An activation that the language cannot say; an override of `activation` answers it. */
export function refuseActivation(
  config: ConfigReader,
  configField: string,
  message: string,
  nearest: readonly string[] = ["silu", "gelu", "gelu_erf"],
): void {
  config.report({ code: "MOE305", layerField: "activation", configField, message, nearest });
}

/** Experts of another kind than the kernel's: nothing in a spec answers that. */
export function refuseExperts(config: ConfigReader, configField: string, message: string): void {
  config.report({ code: "MOE307", configField, message, nearest: [] });
}

/** Shared experts of another kind than the routed ones; they can be left to the caller. */
export function refuseShared(
  config: ConfigReader,
  configField: string,
  message: string,
  nearest: readonly string[] = [OUTSIDE],
): void {
  config.report({
    code: "MOE307",
    layerField: "sharedExperts",
    configField,
    message,
    nearest,
  });
}
