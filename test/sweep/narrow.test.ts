/** The search that compiles what others follow from, with a compiler made of arithmetic. */
import { describe, expect, it } from "vitest";
import { loadSpec } from "../../src/dsl/load.ts";
import { type Estimator, estimate } from "../../src/profile/estimate.ts";
import { profileTarget } from "../../src/profile/run.ts";
import type { Bundles, CompileTargetResult } from "../../src/runner/types.ts";
import { scheduleOf } from "../../src/schedule/registry.ts";
import { countedOf } from "../../src/sweep/counted.ts";
import { compose, derive } from "../../src/sweep/derive.ts";
import { narrowSearch } from "../../src/sweep/narrow.ts";
import { type Judged, judgeCandidate } from "../../src/sweep/prepare.ts";
import type { SweepRecord } from "../../src/sweep/record.ts";
import { gridSearch, type Job, type Search } from "../../src/sweep/search.ts";
import { candidatesOf, sizeOf, spacesOf } from "../../src/sweep/space.ts";
import { chooseWinners } from "../../src/sweep/winners.ts";
import { qwen } from "../cli/moegen.ts";
import { dropped, measured } from "./records.ts";

const { spec } = await loadSpec(qwen);
const spaces = (tiles: Readonly<Record<string, readonly number[]>>, devices = ["v6e"]) =>
  spacesOf(spec, scheduleOf(spec.schedule.kind), { tiles, devices });
const TILES = { bt: [16, 32, 64, 128, 256], bf: [128, 256, 384, 768] };

/** Bundles of a body, by its rows and columns. */
type Law = (rows: number, bf: number, device: string) => number;
const even: Law = (rows, bf, device) =>
  500 + rows + (bf * (200 - Math.abs(rows - 128))) / 100 + device.length;

const rowsOf = (scope: string): number => Number(/\d+$/.exec(scope)?.[0] ?? 0);
/** Parts of a body, and what each is of the law: weights stream by, or are there whole. */
const partsOf = (streamed: boolean): readonly (readonly [part: string, share: number])[] =>
  streamed
    ? [
        ["gate_up", 1],
        ["down", 1],
      ]
    : [["feed_forward", 2]];
const LOOP = { scope: "rows", depth: 0, bundles: 4, own: 4, loops: [] };

function compiled({ prepared, id }: Judged, law: Law): CompileTargetResult {
  const { btc = [], streamed = false } = prepared?.kernel.tiles ?? {};
  const bodies = btc.flatMap((rows) =>
    partsOf(streamed).map(
      ([part, share]) => [`${part}_${rows}`, share * law(rows, id.tiles.bf, id.device)] as const,
    ),
  );
  const bundles: Bundles = {
    ...{ total: 1000, scopes: Object.fromEntries(bodies), tracing: 0 },
    loops: [LOOP],
    profile: {
      ...{ machine: null, loops: [] },
      regions: bodies.map(([scope, many]) => ({
        ...{ scope, loop: null, bundles: many, tracing: 0, delay: 0, slots: {} },
      })),
    },
  };
  return { device: id.device, tokens: id.tokens, bundles } as CompileTargetResult;
}

/** As if a kernel took its largest body's bundles, in microseconds. */
const largest: Estimator = ({ plan, bundles }) => {
  const bt = plan.kernels[0]?.tiles.bt ?? 0;
  const own = Object.entries(bundles.scopes).filter(([scope]) => rowsOf(scope) === bt);
  const seconds = own.reduce((sum, [, many]) => sum + many, 0) * 1e-6;
  return { seconds, low: seconds, high: seconds, compute: 0, floor: 1e-6, boundBy: "HBM" };
};

/** The same, of all the weight tiles of an expert. */
const allTiles: Estimator = (profiled) => {
  const found = largest(profiled);
  const tiles = 768 / (profiled.plan.kernels[0]?.tiles.bf ?? 768);
  return { ...found, seconds: found.seconds * tiles };
};

function answer(
  { judged }: Job,
  law: Law,
  estimator = largest,
): [SweepRecord, CompileTargetResult | undefined] {
  const { bucket, device, tokens, tiles } = judged.id;
  const given = { ...tiles, bucket, device: device as "v6e", tokens };
  if (judged.prepared === undefined) return [dropped("illegal", given), undefined];
  const target = compiled(judged, law);
  const { plan } = judged.prepared;
  const profile = { stages: [], total: { cycles: 0 }, unknownTrips: [] } as never;
  if (target.bundles === null) return [dropped("compiler", given), target];
  const call = { plan, device, tokens, bundles: target.bundles, profile };
  return [measured(estimator(call).seconds * 1e6, given), target];
}

/** Runs a search with one worker; what it compiled. */
async function run(
  search: Search,
  law: Law,
  fails: (judged: Judged) => boolean = () => false,
  estimator = largest,
) {
  const records: SweepRecord[] = [];
  let asked = 0;
  for (let job = await search.next(); job !== undefined; job = await search.next()) {
    const { id, prepared } = job.judged;
    const [record, target] = fails(job.judged)
      ? [dropped("crash", { ...id.tiles, bucket: id.bucket }), undefined]
      : answer(job, law, estimator);
    records.push(record);
    if (prepared !== undefined) asked += 1;
    await job.tell(record, target);
  }
  return { records, asked, winners: chooseWinners(records).winners.map(({ tiles }) => tiles) };
}

const narrow = (where = spaces(TILES), keep = 1): Search =>
  narrowSearch(spec, where, { estimator: largest, keep });

describe("what is put together from stages", () => {
  const judge = (bucket: string, bt: number, bf: number) => {
    const space = spaces(TILES).find((each) => each.bucket === bucket);
    const id = space && candidatesOf(space).find(({ tiles }) => tiles.bt === bt && tiles.bf === bf);
    const judged = id && judgeCandidate(spec, id);
    if (judged?.prepared === undefined) throw new Error("it is refused");
    const target = compiled(judged, (rows, bf) => 100 + 5 * rows + 2 * bf);
    const { prepared } = judged;
    const known = countedOf(prepared, target);
    if (known === undefined) throw new Error("it has no schedule");
    return { prepared, known, target, own: profileTarget(prepared.plan, target, estimate) };
  };

  it.each(["decode", "prefill"])("takes what the kernel takes that they are of: %s", (bucket) => {
    const { prepared, known, own } = judge(bucket, 128, 256);
    const composed = compose(prepared, [known]);
    const derived = composed && derive(composed, estimate);
    expect(derived?.exact).toBe(true);
    expect(derived?.seconds).toBeCloseTo(own.estimate?.seconds ?? 0, 12);
    expect(derived?.cycles).toBeCloseTo(own.profile?.total.cycles ?? 0, 3);
  });

  it("takes a body of the same weight tile as it is, whatever T and row tile it was counted for", () => {
    const [few, many, other] = [
      judge("decode", 128, 256),
      judge("prefill", 64, 256),
      judge("prefill", 64, 384),
    ];
    const composed = compose(many.prepared, [other.known, few.known]);
    const share = composed?.shares.find(({ stage }) => stage.name === "gate_up_64");
    expect(share).toMatchObject({ scale: 1, exact: true });
    expect(share?.count).toEqual(few.known.stages.get("gate_up_64"));
    // The rest is of another T.
    expect(composed?.exact).toBe(false);
  });

  it("takes less than what another weight tile or another body says", () => {
    const [known, wide, tall] = [
      judge("prefill", 64, 256),
      judge("prefill", 64, 384),
      judge("prefill", 256, 256),
    ];
    for (const { prepared, own } of [wide, tall]) {
      const composed = compose(prepared, [known.known]);
      const derived = composed && derive(composed, estimate);
      expect(derived?.exact).toBe(false);
      expect(derived?.seconds).toBeLessThanOrEqual(own.estimate?.seconds ?? 0);
    }
  });

  it("says nothing where no kernel of the device is known", () => {
    expect(compose(judge("decode", 64, 256).prepared, [])).toBeUndefined();
  });
});

describe("narrowSearch", () => {
  it("finds the winners of all candidates with a fraction of the compilations", async () => {
    const where = spaces(TILES, ["v6e", "v5e"]);
    const all = await run(gridSearch(spec, where), even);
    const search = narrow(where);
    const found = await run(search, even);
    expect(found.winners).toEqual(all.winners);
    expect(all.asked).toBeGreaterThan(60);
    // One for each bucket and device, and what may win.
    expect(found.asked).toBeLessThanOrEqual(all.asked / 4);
    expect(found.records.length + search.passed().length).toBe(search.total);
  });

  it.each([0.8, 0.5])("finds a tile that takes %f of what its neighbours say", async (dip) => {
    const where = spaces(TILES).slice(0, 1);
    const unlike: Law = (rows, bf, device) => even(rows, bf, device) * (bf === 256 ? dip : 1);
    const all = await run(gridSearch(spec, where), unlike);
    const found = await run(narrow(where), unlike);
    expect(all.winners[0]?.bf).toBe(256);
    expect(found.winners).toEqual(all.winners);
  });

  it.each([
    // Of two tiles of the middle the one or the other takes less than what is on either side says.
    [256, 0.7],
    [384, 0.8],
    [128, 0.9],
  ])(
    "compiles on while the compiler does not confirm what was derived: bf %i takes %f",
    async (dip, share) => {
      const uneven: Law = (rows, bf) => (60 + rows / 4 + bf) * (bf === dip ? share : 1);
      const where = spaces(TILES);
      const all = await run(gridSearch(spec, where), uneven, undefined, allTiles);
      const search = narrowSearch(spec, where, { estimator: allTiles, keep: 1 });
      const found = await run(search, uneven, undefined, allTiles);
      expect(found.winners).toEqual(all.winners);
      expect(found.asked).toBeLessThan(all.asked / 2);
    },
  );

  it("keeps as many of the best as are tried further", async () => {
    const where = spaces(TILES).slice(0, 1);
    const { records } = await run(narrow(where, 4), even);
    const all = await run(gridSearch(spec, where), even);
    const best = [...all.records]
      .flatMap((record) => (record.status === "ok" ? [record] : []))
      .sort((a, b) => a.estimate.seconds - b.estimate.seconds)
      .slice(0, 4);
    const keys = new Set(records.map(({ key }) => key));
    expect(best.map(({ key }) => keys.has(key))).toEqual([true, true, true, true]);
  });

  it("passes none over before the winners are known", async () => {
    const search = narrow(spaces(TILES).slice(0, 1));
    const job = await search.next();
    expect(search.passed()).toEqual([]);
    if (job !== undefined) await job.tell(...answer(job, even));
    expect(search.passed()).toEqual([]);
    const { records } = await run(search, even);
    expect(search.passed()).toHaveLength(search.total - records.length - 1);
  });

  it("goes on where a candidate that it asks for is lost", async () => {
    const where = spaces(TILES).slice(0, 1);
    const lost = ({ id }: Judged): boolean => id.tiles.bt === 64;
    const found = await run(narrow(where), even, lost);
    const all = await run(gridSearch(spec, where), even, lost);
    expect(found.winners).toEqual(all.winners);
    expect(found.asked).toBeLessThan(all.asked);
  });

  it("compiles each candidate where nothing is known of any", async () => {
    const search = narrow(spaces(TILES).slice(0, 1));
    const { asked } = await run(search, even, () => true);
    expect(asked).toBe(search.total);
    expect(search.passed()).toEqual([]);
  });

  it("compiles a few candidates as they are", async () => {
    const where = spaces({ bt: [16, 32, 64], bf: [768] });
    const found = await run(narrow(where), even);
    expect(found.records.length).toBe(where.reduce((sum, space) => sum + sizeOf(space), 0));
    expect(found.asked).toBe(found.records.length);
  });

  it("lets a second worker wait for what the first is told, and go when the search ends", async () => {
    const search = narrow(spaces(TILES).slice(0, 1));
    const jobs: Job[] = [];
    for (let job = await search.next(); jobs.length < 1 || job !== undefined; ) {
      if (job !== undefined) jobs.push(job);
      const next = search.next();
      const soon = await Promise.race([
        next,
        new Promise<"waits">((go) => setTimeout(go, 5, "waits")),
      ]);
      if (soon === "waits") {
        for (const each of jobs) await each.tell(...answer(each, even));
        expect((await next)?.judged.prepared).toBeDefined();
        break;
      }
      job = soon;
    }
    const waiting = search.next();
    search.end();
    expect(await waiting).toBeUndefined();
  });
});
