/** Which experts each token of a call goes to, and how many rows that makes for whom. */
import { seeded } from "./random.ts";
import { RoutingError, type Skew, weightsOf } from "./skew.ts";

export interface RoutingRequest {
  readonly tokens: number;
  readonly experts: number;
  readonly topK: number;
  /** Further ids, as likely as experts, that no row goes to; absent: none. */
  readonly identity?: number;
  readonly skew: Skew;
  readonly seed: number;
}

/** Expert ids, `topK` a token; NOBODY where the token chose what is no expert. */
export interface Routing {
  readonly tokens: number;
  readonly experts: number;
  readonly topK: number;
  readonly ids: Int32Array;
}

/** In the place of an expert: no row goes anywhere. */
export const NOBODY = -1;

/** Draws before the rest of a token's experts are taken in order of their weight. */
const PATIENCE = 64;

/**
 * Expert ids of every token, drawn by the skew; the same for the same seed.
 *
 * @throws RoutingError where k experts cannot be drawn.
 */
export function sampleRouting(request: RoutingRequest): Routing {
  const { experts, identity = 0, seed } = request;
  const routing = sampleExperts(request);
  // A recorded routing says itself what its tokens chose.
  if (identity === 0 || request.skew.kind === "recorded") return routing;
  const random = seeded(seed + 1);
  const share = identity / (experts + identity);
  const ids = routing.ids.map((expert) => (random() < share ? NOBODY : expert));
  return { ...routing, ids };
}

function sampleExperts(request: RoutingRequest): Routing {
  const { tokens, experts, topK, skew } = request;
  if (topK > experts) throw new RoutingError(`top-${topK} of ${experts} experts cannot be`);
  const ids = new Int32Array(tokens * topK);
  const routing = { tokens, experts, topK, ids };
  if (skew.kind === "balanced") {
    for (let entry = 0; entry < ids.length; entry++) ids[entry] = entry % experts;
    return routing;
  }
  if (skew.kind === "recorded") {
    replay(skew.tokens, request, ids);
    return routing;
  }
  const random = seeded(request.seed);
  const weights = weightsOf(skew, experts, random);
  const possible = weights.filter((weight) => weight > 0).length;
  if (possible < topK) {
    throw new RoutingError(`top-${topK} needs ${topK} experts with traffic, there are ${possible}`);
  }
  const cumulated = new Float64Array(experts);
  let total = 0;
  weights.forEach((weight, expert) => {
    total += weight;
    cumulated[expert] = total;
  });
  const byWeight = [...weights.keys()].sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  const chosen = new Set<number>();
  for (let token = 0; token < tokens; token++) {
    chosen.clear();
    for (let draw = 0; chosen.size < topK && draw < PATIENCE * topK; draw++) {
      chosen.add(firstAbove(cumulated, random() * total));
    }
    for (const expert of byWeight) {
      if (chosen.size === topK) break;
      chosen.add(expert);
    }
    let at = token * topK;
    for (const expert of chosen) ids[at++] = expert;
  }
  return routing;
}

function firstAbove(cumulated: Float64Array, value: number): number {
  let low = 0;
  let high = cumulated.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulated[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function replay(
  recorded: readonly (readonly number[])[],
  request: RoutingRequest,
  ids: Int32Array,
) {
  const { tokens, topK, experts, identity = 0 } = request;
  recorded.forEach((token, index) => {
    if (token.length !== topK) {
      throw new RoutingError(
        `token ${index + 1} of the routing file has ${token.length} experts, the layer top-${topK}`,
      );
    }
    const wrong = token.find((expert) => expert >= experts + identity);
    if (wrong !== undefined) {
      throw new RoutingError(
        `token ${index + 1} of the routing file goes to expert ${wrong}; the last is ${experts + identity - 1}`,
      );
    }
  });
  for (let token = 0; token < tokens; token++) {
    const source = recorded[token % recorded.length] ?? [];
    source.forEach((expert, choice) => {
      ids[token * topK + choice] = expert < experts ? expert : NOBODY;
    });
  }
}

/** Rows by token tile, device they come from and expert. */
export class Tally {
  readonly tiles: number;
  readonly ep: number;
  readonly experts: number;
  private readonly counts: Int32Array;

  /** Tokens lie in order over `ep` devices; a device goes through its own in tiles of `tile`. */
  constructor(routing: Routing, ep: number, tile: number) {
    const share = Math.ceil(routing.tokens / ep);
    this.tiles = Math.max(1, Math.ceil(share / tile));
    this.ep = ep;
    this.experts = routing.experts;
    this.counts = new Int32Array(this.tiles * ep * routing.experts);
    for (let token = 0; token < routing.tokens; token++) {
      const source = Math.floor(token / share);
      const at = Math.floor((token % share) / tile);
      const row = (at * ep + source) * routing.experts;
      for (let choice = 0; choice < routing.topK; choice++) {
        const expert = routing.ids[token * routing.topK + choice] ?? NOBODY;
        if (expert === NOBODY) continue;
        const index = row + expert;
        this.counts[index] = (this.counts[index] ?? 0) + 1;
      }
    }
  }

  /** Rows of one tile that go from a device to an expert. */
  from(tile: number, source: number, expert: number): number {
    return this.counts[(tile * this.ep + source) * this.experts + expert] ?? 0;
  }

  /** Rows of one tile that an expert gets from all devices. */
  of(tile: number, expert: number): number {
    let rows = 0;
    for (let source = 0; source < this.ep; source++) rows += this.from(tile, source, expert);
    return rows;
  }

  get localExperts(): number {
    return Math.ceil(this.experts / this.ep);
  }

  /** The expert after the last one of a device that tokens go to: the last devices may have fewer. */
  private end(device: number): number {
    return Math.min((device + 1) * this.localExperts, this.experts);
  }

  /** Rows of one tile that a device computes. */
  onDevice(tile: number, device: number): number {
    let rows = 0;
    const first = device * this.localExperts;
    for (let expert = first; expert < this.end(device); expert++) rows += this.of(tile, expert);
    return rows;
  }

  /** Experts of a device that have rows in a tile. */
  active(tile: number, device: number): readonly number[] {
    const first = device * this.localExperts;
    const found: number[] = [];
    for (let expert = first; expert < this.end(device); expert++) {
      if (this.of(tile, expert) > 0) found.push(expert);
    }
    return found;
  }
}

/** Largest over mean of what the devices compute: 1 is even. */
export function imbalance(routing: Routing, ep: number): number {
  const tally = new Tally(routing, ep, routing.tokens);
  const rows = Array.from({ length: ep }, (_, device) => tally.onDevice(0, device));
  const mean = rows.reduce((sum, own) => sum + own, 0) / ep;
  return mean === 0 ? 1 : Math.max(...rows) / mean;
}
