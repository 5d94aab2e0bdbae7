/**
 * Every diagnostic there is: what went wrong, and the rule that was broken. A code is stable: it is
 * never reused or renumbered, so that a search for it finds this line and its test. 0xx loading,
 * 1xx the spec, 2xx devices, 3xx published configs. Where a rule depends on the spec (the legal
 * values of one axis, the keys of one object) the finding states it in full.
 */
export interface CodeEntry {
  readonly title: string;
  readonly rule: string;
}

const entry = (title: string, rule: string): CodeEntry => ({ title, rule });

export const codes = {
  MOE001: entry("the spec file cannot be read", "a spec is a readable TypeScript file, *.moe.ts"),
  MOE002: entry("the spec file does not parse", "a spec is a TypeScript module"),
  MOE003: entry(
    "the spec file fails while it is loaded",
    "a spec and what it imports load without error",
  ),
  MOE004: entry("the spec file has no default export", "a spec ends in export default moe({ … })"),
  MOE005: entry(
    "the default export is not made by moe()",
    "the default export is what moe() returns",
  ),
  MOE006: entry(
    "the spec does not come to its end",
    "a spec describes a layer: it ends by itself, within seconds, and ends nothing else",
  ),

  MOE101: entry(
    "the name is not a Python identifier",
    "the name becomes a Python package: letters, digits and _, no digit first, no keyword",
  ),
  MOE102: entry(
    "a value is missing, unknown or of the wrong kind",
    "a spec has the values that its types name",
  ),
  MOE103: entry(
    "a number is not a positive integer, or exceeds any size",
    "sizes, tiles and token counts are whole numbers from 1 to 2147483647",
  ),
  MOE104: entry("a tile is not legal for its axis", "a tile divides its axis into whole TPU tiles"),
  MOE105: entry("top-k exceeds the experts", "a token goes to top-k distinct experts"),
  MOE106: entry(
    "experts do not divide over the devices",
    "every device holds the same number of experts",
  ),
  MOE107: entry(
    "mesh axes are not distinct identifiers",
    "mesh axes are one or more distinct identifiers, outermost first",
  ),
  MOE108: entry(
    "devices are empty or repeated",
    "devices are one or more distinct TPU generations",
  ),
  MOE109: entry(
    "the schedule has no token bucket",
    "at least one bucket says which token counts its tiles serve",
  ),
  MOE110: entry(
    "token buckets do not ascend",
    "buckets are written in ascending order of upTo, without repeats",
  ),
  MOE111: entry(
    "feed-forward row counts are not legal",
    "btc ascends, each is a legal row tile, and the last is bt",
  ),
  MOE112: entry(
    "the schedule cannot run this layer",
    "the layer's sizes fill whole TPU tiles, and it has nothing that the schedule does not do, such as deterministic",
  ),
  MOE113: entry(
    "the number of weight slots, of early experts or of rows that a copy takes is not supported",
    "weight tiles are kept in 2 slots or more: one in use, the others on their way; early experts are 0 or more; a copy takes 1, 2, 4 or 8 rows of a run, from VMEM",
  ),
  MOE114: entry(
    "a factor or a time is not a positive finite number",
    "factors of the routing weights are finite and greater than 0, predicted times between a nanosecond and an hour",
  ),
  MOE115: entry(
    "an index overflows 32 bits",
    "every flat index of the rows of a call fits a signed 32-bit integer",
  ),
  MOE116: entry(
    "a tile holds more rows than a call has",
    "a row tile holds at most the tokens of the bucket; the rest is padding",
  ),
  MOE117: entry(
    "a choice set repeats a value",
    "a choice set lists distinct values; the first is built",
  ),
  MOE118: entry(
    "expert groups do not fit the layer",
    "groups divide the experts, some are kept, and those kept hold at least top-k experts",
  ),
  MOE119: entry(
    "shared experts do not fill whole lanes",
    "the shared experts together, count × intermediate, are a multiple of 128 lanes",
  ),
  MOE120: entry(
    "redundant experts do not fit the layer",
    "copies are fewer than the experts, and the caller's routing names them by physical id",
  ),
  MOE121: entry("token axes are not among the axes", "tokenAxes are some of all axes, in order"),
  MOE122: entry(
    "expert parallelism is wider than a slice",
    "ep times tp is at most 128, the devices of the largest slice that kernels are compiled for",
  ),
  MOE123: entry("top-k is not supported", "a token goes to at most 32 experts"),
  MOE124: entry(
    "the chosen have no score",
    "scoreChosen scores the chosen logits alone, by softmax, sigmoid or sqrt_softplus",
  ),
  MOE125: entry(
    "a block of scales does not fit the weights",
    "a block is a multiple of 32 that divides D, F and the columns of all shared experts",
  ),
  MOE126: entry(
    "quantised weights with rows of another type",
    "with quantised weights rows and result are bfloat16",
  ),
  MOE127: entry(
    "a device does not take the weights' type",
    "float4_e2m1fn weights are for devices whose compiler takes them; float8_e4m3fn holds each of their values, int4 is taken everywhere",
  ),
  MOE128: entry(
    "only the shared experts are quantised",
    "sharedExperts.quantization tells their weights apart from quantised routed ones",
  ),
  MOE130: entry(
    "quantised activations of a type that the weights do not multiply",
    "int8 activations go with int8 weights, float8_e4m3fn ones with float8 or float4 weights",
  ),
  MOE131: entry(
    "token rows are sent as another type than they are multiplied",
    "quantised activations are quantised once and sent as they are: wire.dispatch repeats their type or is left out",
  ),
  MOE132: entry(
    "rows of 8 bits between devices where there is one",
    "wire is for two devices or more: one sends no rows",
  ),
  MOE133: entry(
    "rows of 8 bits beside float32 rows",
    "with rows of 8 bits between devices, rows and result are bfloat16",
  ),
  MOE135: entry(
    "a block of scales is too small for quantised activations",
    "with quantised activations a product is made for each block along the contraction: a block is whole registers of 128",
  ),
  MOE136: entry(
    "there are no dimensions to send rows along",
    "transport by dimensions is for several devices that fill their chips",
  ),
  MOE137: entry(
    "a token's result depends on the batch",
    "with deterministic every call has one body (btc: [bt]) and the same tiles, and tiles of weights start for one early expert at most",
  ),
  MOE138: entry(
    "a token's result depends on its device",
    "with deterministic each device has its own part of the shared experts' columns, in whole registers or blocks of scales, by a schedule that cuts them",
  ),
  MOE139: entry(
    "there are no other devices' tokens to route",
    "each device can route all tokens where there are several devices and the kernel routes",
  ),
  MOE140: entry(
    "the name belongs to something else",
    "the name becomes a Python package: it hides no module of Python's, none that the package imports and none of its own",
  ),
  MOE141: entry("the name is too long", "folders are named after the spec: at most 100 letters"),
  MOE142: entry(
    "an epsilon does not fit",
    "renormEpsilon is added to the sum that renormalize divides by, or is the least of it: 2^-126 to 1",
  ),

  MOE143: entry(
    "weights are not made of this checkpoint",
    "NVFP4 weights are made float8_e4m3fn with a scale a channel or for a part of one",
  ),
  MOE144: entry(
    "rows cannot lie there",
    "rows are one answer for all buckets of a schedule, a place where it has them, with sums of 8 bits or without; with deterministic they lie in VMEM, one pass at a time; with identity experts not in HBM; with results there only between devices, and not with shared experts",
  ),
  MOE145: entry(
    "a pass cannot have so many token rows",
    "a device brings 8 token rows to a pass, a multiple of 16 up to 128, or of 128 above: all devices together fewer than 8192, with rows and sums in HBM up to 32768; 8 in VMEM, between an even number of devices, not with deterministic",
  ),
  MOE146: entry(
    "the experts cannot be filled up",
    "experts of zero weights fill up the last devices where a kernel of the gather or the runs schedule chooses experts itself: so many as mesh.padExperts fills in for this ep",
  ),
  MOE147: entry(
    "filling up experts helps nothing",
    "padExperts is for an ep that does not divide the experts, and that leaves each device one at least",
  ),
  MOE150: entry(
    "no schedule can run the layer",
    "of several schedules one at least runs the layer, with tiles that fit each bucket",
  ),
  MOE151: entry(
    "schedules want their weights in different places",
    "schedules of one package share one layout of the weights: each device has the same of them",
  ),
  MOE152: entry(
    "which schedule is faster is not decided",
    "where several schedules can run a bucket their times are predicted, or use names one",
  ),
  MOE153: entry(
    "a schedule takes no part",
    "a schedule is compared where its time is predicted as the others' are",
  ),
  MOE154: entry(
    "a bucket uses a schedule that cannot run it",
    "use names a schedule that takes part and has tiles that fit",
  ),
  MOE155: entry("tiles of a schedule that takes no part", "among, if there, names all with tiles"),
  MOE160: entry(
    "experts without a gate have nothing of one",
    'with relu2 the weights are "up", (E, D, F), without biases, and shared experts are outside the kernel; with other activations there is a gate',
  ),
  MOE161: entry(
    "a softmax of near logits does not fit the routing",
    "scoreNear is below 2, with softmax scores, without scoreChosen, groups and a correction bias",
  ),
  MOE164: entry(
    "identity experts are beside what they do not fit",
    "identity experts add rows as they come: without wire, quantised activations, deterministic, redundant experts and groups, and with D whole where it fills no registers",
  ),
  MOE165: entry(
    "exponents do not lie in words",
    "scales of float8_e8m0fnu are for 32 along the contraction and four in a word: D and F both fill lanes, or neither does, with gate and up apart and no shared experts of the kind",
  ),
  MOE170: entry("a layer is of two kinds", "each layer of a model is of one kind"),
  MOE171: entry(
    "a layer with experts has no kind",
    "kinds that are read from a config together have all layers of it that have experts",
  ),
  MOE172: entry(
    "a kind has no layer",
    "layers has a kind, and each kind the indices of some layers",
  ),
  MOE173: entry(
    "a layer is not of this kind",
    "layers of a kind that is read from a config have experts there, and all of them are read alike",
  ),
  MOE174: entry(
    "a kind of layers has several schedules",
    "in a spec with layers each kind has one schedule by its name: gather, gmm or runs",
  ),
  MOE175: entry(
    "layers of one model take different rows",
    "what one layer of a model gives the next takes: all kinds have the same hidden size and dtype",
  ),
  MOE180: entry("the schedule has experts whole", "tp of 2 or more is for the schedule gmm"),
  MOE181: entry("columns do not cut", "F / tp columns fill tiles and blocks; gate, up lie apart"),
  MOE182: entry("tpAxes are for nothing", "tpAxes are one or more axes, where tp is 2 or more"),
  MOE190: entry("a compiler option is not for TPUs", "a bucket's options are named xla_tpu_…"),
  MOE191: entry("kinds want different programs", "in one step an option of XLA has one value"),
  MOE201: entry("VMEM is exceeded", "all buffers of a kernel fit the device's VMEM at once"),
  MOE202: entry(
    "SMEM is exceeded",
    "counts, offsets and ids of a kernel fit the device's SMEM at once",
  ),
  MOE203: entry(
    "no tile fits VMEM",
    "auto is the largest legal tile that fits: bd first, then bf, then bt, beside rows enough for most experts",
  ),
  MOE204: entry("the weights exceed HBM", "the weights of a device's experts fit its HBM"),

  MOE301: entry(
    "the architecture is not known",
    "one of architectures, or model_type, is one that moegen can read, or the layer is written out",
  ),
  MOE302: entry(
    "a field of the config is missing",
    "a config.json states its sizes; a missing one can be given as an override",
  ),
  MOE303: entry(
    "the model's routing is not in the kernel",
    "scores are softmax, sigmoid or sqrt_softplus of the logits, or they are given",
  ),
  // MOE304 (shared experts must be answered for) is retired: the kernel computes them.
  MOE305: entry(
    "a value of the config is not supported",
    "the activation is one the kernel has, rows and weights are bfloat16 or float32; a model has at most 1000 layers, some with experts, and counts and lists of layers fit it",
  ),
  MOE306: entry(
    "the checkpoint's quantisation is not read",
    "quantization_config, or the file beside the config, is fp8, mxfp4, NVFP4, AWQ, GPTQ or compressed-tensors of 8 or 4 bits, the same for all experts, and every key of it is known; any other is answered by an override of quantization",
  ),
  MOE307: entry(
    "the model's experts are of another kind",
    "an expert is gate, up and down projections of a token's row, or up and down alone; shared experts are of the same kind",
  ),
} as const satisfies Readonly<Record<string, CodeEntry>>;

export type Code = keyof typeof codes;
