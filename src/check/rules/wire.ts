/** Rows of 8 bits between devices against the layer and the mesh. */
import { devicesOf } from "../../spec/mesh.ts";
import { error, type Rule } from "./rule.ts";

/** MOE131: rows that travel in 8 bits are multiplied in the same 8 bits. */
export const dispatchMatchesActivations: Rule = ({ spec, sound }) => {
  const dispatch = spec.layer?.wire?.dispatch;
  const activations = spec.layer?.quantization?.activations;
  if (dispatch === undefined || activations === undefined || !sound("layer")) return [];
  if (dispatch === activations) return [];
  return [
    error({
      code: "MOE131",
      path: ["layer", "wire", "dispatch"],
      message: `dispatch = "${dispatch}" with activations = "${activations}"`,
      nearest: [activations],
    }),
  ];
};

/** MOE132: with one device no row travels. */
export const wireHasTwoEnds: Rule = ({ spec, sound }) => {
  if (spec.layer?.wire === undefined || !sound("layer") || !sound("mesh", "ep")) return [];
  if (devicesOf(spec.mesh) > 1) return [];
  return [
    error({
      code: "MOE132",
      path: ["layer", "wire"],
      message: "wire with ep = 1",
      nearest: [],
      note: "leave wire out",
    }),
  ];
};

/** MOE133: float32 rows ask for an exactness that 8 bits do not have. */
export const wireRowsAreBfloat16: Rule = ({ spec, sound }) => {
  if (spec.layer?.wire === undefined || !sound("layer")) return [];
  const { dtype, quantization } = spec.layer;
  // With quantised weights too it is said of them.
  if (dtype === "bfloat16" || quantization !== undefined) return [];
  return [
    error({
      code: "MOE133",
      path: ["layer", "dtype"],
      message: `dtype = "${dtype}" with rows of 8 bits between devices`,
      nearest: ["bfloat16"],
    }),
  ];
};
