/** Our kernel beside others, by part of the work on one expert's rows. */
import type { Plan } from "../../plan/plan.ts";
import {
  type ExpertCycles,
  expertCycles,
  FEED_FORWARD,
  PARTS,
  peerCycles,
  sumOf,
} from "../../profile/expert.ts";
import { profileKernel } from "../../profile/profile.ts";
import type { ProfiledTarget } from "../../profile/run.ts";
import { compilePeer, type PeerCase } from "../../runner/index.ts";
import type { RunnerOptions } from "../../runner/types.ts";
import { deviceOf } from "../../target/device/registry.ts";
import { count, table } from "../format.ts";
import type { Output } from "../output.ts";

export interface Compared {
  readonly name: string;
  readonly device: string;
  /** Rows of one expert under uniform routing at T = `tokens`. */
  readonly rows: number;
  readonly tokens: number;
  /** Cycles for one expert by part; absent where the kernel did not compile. */
  readonly cycles?: ExpertCycles;
  readonly feedForward?: number;
  readonly tiles?: string;
  readonly note?: string;
  readonly versions?: Readonly<Record<string, string | null>>;
  readonly error?: string;
}

function ours(plan: Plan, targets: readonly ProfiledTarget[]): readonly Compared[] {
  return targets.flatMap(({ target, kernel, profile }) => {
    if (profile === null) return [];
    const { device, tokens } = target;
    const rows = (tokens * plan.layer.topK) / plan.layer.experts;
    const cycles = expertCycles(kernel, profile);
    const feedForward = sumOf(cycles, FEED_FORWARD);
    const tiles = `bt ${kernel.tiles.bt} of ${kernel.tiles.btc.join("/")}`;
    return [{ name: plan.name, device, rows, tokens, cycles, feedForward, tiles }];
  });
}

/** Every adapter at the devices and token counts of `targets`; none: nothing is compared. */
export async function comparePeers(
  adapters: readonly string[],
  plan: Plan,
  targets: readonly ProfiledTarget[],
  out: Output,
  options: RunnerOptions,
): Promise<readonly Compared[]> {
  if (adapters.length === 0) return [];
  const compared: Compared[] = [...ours(plan, targets)];
  for (const adapter of adapters) {
    const cases = targets.map(
      ({ target: { device, tokens } }): PeerCase => ({
        device: deviceOf(device),
        layer: plan.layer,
        ep: plan.mesh.ep,
        tokens,
        rows: Math.max(1, Math.round((tokens * plan.layer.topK) / plan.layer.experts)),
      }),
    );
    await compilePeer(adapter, cases, options, (of, result) => {
      const base = { device: of.device.name, rows: of.rows, tokens: of.tokens };
      out.progress(`  ${adapter} ${base.device} ${base.rows} rows`);
      if (result instanceof Error) {
        compared.push({ name: adapter, ...base, error: result.message });
        return;
      }
      const { name, note, tiles, versions } = result;
      const stages = result.stages.map(({ loops, ...stage }) => ({ ...stage, loopTrips: loops }));
      const cycles = peerCycles(profileKernel(result.profile, stages, of.device));
      const feedForward = sumOf(cycles, FEED_FORWARD);
      compared.push({ name, ...base, cycles, feedForward, tiles, note, versions });
    });
  }
  out.settle();
  for (const line of comparison(compared)) out.line(line);
  return compared;
}

/** One table a device: a line a row count and kernel, ours first. */
export function comparison(compared: readonly Compared[]): readonly string[] {
  const right = { align: "right" } as const;
  return [...new Set(compared.map(({ device }) => device))].flatMap((device) => {
    const here = compared.filter((one) => one.device === device);
    const rows = [...new Set(here.map((one) => one.rows))].sort((a, b) => a - b);
    const lines = rows.flatMap((of) =>
      here
        .filter((one) => one.rows === of)
        .map(({ name, cycles, feedForward, tiles, error }, index, all) => {
          const reference = all[0]?.feedForward;
          const ratio =
            index === 0 || feedForward === undefined || reference === undefined
              ? ""
              : `${(feedForward / reference).toFixed(2)}x`;
          return [
            index === 0 ? count(of) : "",
            name,
            ...PARTS.map((part) => (cycles?.[part] === undefined ? "·" : count(cycles[part]))),
            feedForward === undefined ? "-" : count(feedForward),
            ratio,
            error?.split("\n")[0] ?? tiles ?? "",
          ];
        }),
    );
    const notes = new Set(here.flatMap(({ name, note }) => (note ? [`  ${name}: ${note}`] : [])));
    return [
      "",
      `cycles for one expert by its rows, ${device}; · is another part's or another program's`,
      ...table(
        [
          { title: "rows", ...right },
          { title: "kernel" },
          ...PARTS.map((part) => ({ title: part, ...right })),
          { title: "feed-forward", ...right },
          { title: "to ours", ...right },
          { title: "tiles" },
        ],
        lines,
      ),
      ...notes,
    ];
  });
}
