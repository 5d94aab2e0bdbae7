/** A machine of a Ray cluster, by what Ray says of it. */

export interface ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly cpus: number;
  /** Ray's, by name: CPU, TPU, and of a slice's hosts its name. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Chips of the machine. */
export function chipsOf({ resources }: ClusterNode): number {
  return resources.TPU ?? 0;
}

/** The machine, and the slice that Ray on GKE and on TPU VMs says it is of. */
export function sliceName({ host, resources }: ClusterNode): string {
  const head = Object.keys(resources).find((name) => /^TPU-.*-head$/.test(name));
  return head === undefined ? host : `${host}, ${head.slice("TPU-".length, -"-head".length)}`;
}
