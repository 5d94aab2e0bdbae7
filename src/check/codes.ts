/**
 * Every diagnostic there is. A code is stable: it is never reused or renumbered, so that a search
 * for it finds this line, its test and its documentation. 0xx loading, 1xx the spec, 2xx devices,
 * 3xx published configs.
 */
export const codes = {
  MOE001: "the spec file cannot be read",
  MOE002: "the spec file does not parse",
  MOE003: "the spec file fails while it is loaded",
  MOE004: "the spec file has no default export",
  MOE005: "the default export is not made by moe()",

  MOE101: "the name is not a Python identifier",
  MOE102: "a value is missing, unknown or of the wrong kind",
  MOE103: "a number is not a positive integer",
  MOE104: "a tile is not legal for its axis",
  MOE105: "top-k exceeds the experts",
  MOE106: "experts do not divide over the devices",
  MOE107: "mesh axes are not distinct identifiers",
  MOE108: "devices are empty or repeated",
  MOE109: "the schedule has no token bucket",
  MOE110: "token buckets do not ascend",
  MOE111: "feed-forward row counts are not legal",
  MOE112: "the schedule cannot run this layer",
  MOE113: "the number of weight slots is not supported",
  MOE114: "a routing factor is not a positive finite number",
  MOE115: "an index overflows 32 bits",
  MOE116: "a tile holds more rows than a call has",
  MOE117: "a choice set repeats a value",

  MOE201: "VMEM is exceeded",
  MOE202: "SMEM is exceeded",
  MOE203: "no tile fits VMEM",
  MOE204: "the weights exceed HBM",

  MOE301: "the architecture is not known",
  MOE302: "a field of the config is missing",
  MOE303: "the model's routing is not in the kernel",
  MOE304: "the model has shared experts",
  MOE305: "a value of the config is not supported",
} as const;

export type Code = keyof typeof codes;
