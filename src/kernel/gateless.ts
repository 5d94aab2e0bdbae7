/** Experts without a gate: what others call "gate_up", or "gate and up" in prose, is "up" of them. */
import { hasGate } from "../spec/formats.ts";
import type { LayerSpec } from "../spec/layer.ts";

/** Python, or a name or text of a plan, as it is for a layer. */
export function namedFor(layer: Pick<LayerSpec, "activation">, text: string): string {
  if (hasGate(layer)) return text;
  return (
    text
      // The function: "up" alone is what it computes.
      .replaceAll(/(?<![A-Za-z_])gate_up(?![A-Za-z_])/g, "project_up")
      .replaceAll("gate_up", "up")
      .replaceAll("gate and up", "up")
      .replaceAll("Gate and up", "Up")
      .replaceAll("Gate, up", "Up")
  );
}

/** All texts within plain data. */
export function allNamedFor<T>(layer: Pick<LayerSpec, "activation">, data: T): T {
  return hasGate(layer) ? data : (renamed(layer, data) as T);
}

function renamed(layer: Pick<LayerSpec, "activation">, data: unknown): unknown {
  if (typeof data === "string") return namedFor(layer, data);
  if (Array.isArray(data)) return data.map((one) => renamed(layer, one));
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(Object.entries(data).map(([key, one]) => [key, renamed(layer, one)]));
}
