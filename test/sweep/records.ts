/** Records as a sweep of the Qwen3 example writes them, with figures that a test can tell apart. */
import { type Dropped, type Measured, STORE_SCHEMA } from "../../src/sweep/record.ts";

interface Given {
  readonly bt?: number;
  readonly bf?: number;
  readonly bd?: number;
  readonly device?: Measured["device"];
  readonly bucket?: string;
  readonly tokens?: number;
  readonly streamed?: boolean;
}

function common({ bt = 64, bf = 768, bd = 2048, ...given }: Given) {
  const { device = "v6e", bucket = "decode", tokens = 256, streamed = false } = given;
  return {
    schema: STORE_SCHEMA,
    key: [bucket, device, bt, bf, bd].join("-"),
    spec: "qwen3_30b_a3b",
    versions: { jax: "0.10.2", libtpu: "0.0.42.1" },
    ...{ bucket, device, tokens, streamed, tiles: { bt, bf, bd }, btc: [16, bt], seconds: 2 },
    vmem: { planned: bt * 2 ** 20, used: bt * 2 ** 20, available: 126 * 2 ** 20 },
  } as const;
}

export function measured(us: number, given: Given = {}): Measured {
  const seconds = us * 1e-6;
  return {
    ...common(given),
    status: "ok",
    bundles: 7000,
    cycles: us * 500,
    estimate: {
      ...{ seconds, low: seconds * 0.8, high: seconds * 1.4 },
      ...{ compute: seconds / 3, floor: 150e-6, boundBy: "HBM" },
    },
    stages: [
      { stage: "feed_forward_64", cycles: us * 300, slot: "matrix_issue", distance: 1.5 },
      { stage: "", cycles: us * 200, slot: "scalar", distance: 2 },
    ],
  };
}

export function dropped(kind: Dropped["kind"], given: Given = {}): Dropped {
  const stage = kind === "illegal" ? "legality" : kind === "vmem" ? "vmem" : "compile";
  return { ...common(given), status: "dropped", stage, kind, reason: `<b>${kind}</b> & why` };
}
