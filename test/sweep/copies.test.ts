/** What one candidate says of another whose copies between devices take other rows. */
import { expect, test } from "vitest";
import { moe } from "../../src/index.ts";
import { allOf } from "../../src/plan/call.ts";
import type { Counted } from "../../src/sweep/counted.ts";
import { compose } from "../../src/sweep/derive.ts";
import { judgeCandidate, type Prepared } from "../../src/sweep/prepare.ts";
import { spec } from "../schedule/runs-spec.ts";

// A wide row tile leaves room for half as many token rows: twice the passes, and runs half as long.
const layer = { experts: 128, topK: 8, hidden: 4096, intermediate: 2048 } as const;
const quantization = { weights: "float8_e4m3fn", granularity: "per_channel", scales: "float32" };
const made = moe(spec({ ...layer, quantization }, 8, { bd: 4096 }));

function judge(bt: number): Prepared {
  const tiles = { bt, bf: 512, bd: 4096 };
  const { prepared } = judgeCandidate(made, {
    bucket: "large",
    device: "v7x",
    tokens: 1024,
    tiles,
  });
  if (prepared === undefined) expect.unreachable("it is refused");
  return prepared;
}

const counted = (prepared: Prepared): Counted => {
  const count = { bundles: 100, loops: [], cycles: 1000 };
  const stages = allOf(prepared.kernel).stages.map(({ name }) => [name, count] as const);
  return { prepared, stages: new Map(stages), own: 0 };
};

test("a stage of copies of fewer rows takes at least its part, and is compiled before it is taken", () => {
  const [few, many] = [judge(512), judge(256)];
  expect([few, many].map(({ kernel }) => kernel.tiles.own.run_rows)).toEqual([4, 8]);
  const share = (of: Prepared, known: readonly Prepared[]) =>
    compose(of, known.map(counted))?.shares.find(({ stage }) => stage.name === "send_rows");
  expect(share(few, [many])).toMatchObject({ scale: 0.5, exact: false });
  expect(share(many, [few])).toMatchObject({ scale: 1, exact: false });
  expect(share(few, [many, few])).toMatchObject({ scale: 1, exact: true });
});
