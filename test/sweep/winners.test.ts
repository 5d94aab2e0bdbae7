import { describe, expect, it } from "vitest";
import { chooseWinners, ranked } from "../../src/sweep/winners.ts";
import { dropped, measured } from "./records.ts";

describe("winners", () => {
  it("are the fastest on each device, fewer cycles where times are alike", () => {
    const slower = measured(200);
    const same = { ...measured(200.01, { bt: 128 }), cycles: 5 };
    const [v6e] = ranked([slower, same, measured(300, { bt: 32 }), dropped("vmem", { bt: 512 })]);
    expect(v6e?.records.map(({ tiles }) => tiles.bt)).toEqual([128, 64, 32]);
  });

  it("serve every device: tiles that one device cannot have are passed over", () => {
    const { winners, without } = chooseWinners([
      measured(100, { bt: 128 }),
      measured(120),
      measured(90, { device: "v7x" }),
      dropped("vmem", { bt: 128, device: "v7x" }),
      dropped("vmem", { bucket: "prefill" }),
    ]);
    expect(winners).toHaveLength(1);
    expect(winners[0]?.tiles.bt).toBe(64);
    expect(winners[0]?.worstRatio).toBeCloseTo(1.2);
    expect(without).toEqual(["prefill"]);
  });

  it("are those of the last turns on a TPU, where there were any: nothing else compares", () => {
    const timed = (us: number, run: string) => ({
      ...{ median: us * 1e-6, quartiles: [us * 1e-6, us * 1e-6] as const },
      ...{ run, host: "tpu-vm" },
    });
    const records = [
      // Predicted best, and timed by itself another day.
      { ...measured(100, { bt: 32 }), deviceTime: timed(90, "2026-01-01") },
      { ...measured(110, { bt: 64 }), deviceTime: timed(130, "2026-01-02") },
      { ...measured(120, { bt: 128 }), deviceTime: timed(125, "2026-01-02") },
      measured(80, { bt: 16 }),
      measured(90, { bt: 128, device: "v7x" }),
    ];
    const [v6e] = ranked(records);
    expect(v6e?.records.map(({ tiles }) => tiles.bt)).toEqual([128, 64]);
    expect(chooseWinners(records).winners[0]?.tiles.bt).toBe(128);
  });

  it("stream their weights in all buckets or in none", () => {
    const { winners, madeAlike } = chooseWinners([
      measured(100, { bf: 384, streamed: true }),
      measured(101),
      measured(500, { bucket: "prefill" }),
    ]);
    expect(madeAlike).toBe(true);
    expect(winners.map(({ tiles }) => tiles.bf)).toEqual([768, 768]);
  });
});
