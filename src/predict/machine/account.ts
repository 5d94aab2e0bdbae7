/** What a wait is for: copies between HBM and VMEM, copies between devices, or other devices. */
export type WaitKind = "HBM" | "ICI" | "devices";

/** Where a device's time went. */
export class Account {
  /** Seconds by stage: the core works or issues copies. */
  readonly busy = new Map<string, number>();
  /** Seconds by cause: the core waits. */
  readonly exposed = new Map<string, number>();

  work(stage: string, seconds: number): void {
    add(this.busy, stage, seconds);
  }

  /** Seconds of the waits by what they are for. */
  readonly kinds = new Map<WaitKind, number>();

  wait(cause: string, seconds: number, kind: WaitKind): void {
    if (seconds <= 0) return;
    add(this.exposed, cause, seconds);
    add(this.kinds, kind, seconds);
  }

  get worked(): number {
    return sum(this.busy);
  }

  get waited(): number {
    return sum(this.exposed);
  }
}

function add<Key>(map: Map<Key, number>, key: Key, value: number): void {
  map.set(key, (map.get(key) ?? 0) + value);
}

function sum(map: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const value of map.values()) total += value;
  return total;
}
