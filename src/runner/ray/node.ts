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

/** Ray's word for the kind of the machine's TPU, e.g. "v6e"; undefined where it says none. */
export function kindOf({ resources }: ClusterNode): string | undefined {
  const names = Object.keys(resources).map((name) => /^accelerator_type:TPU-(.+)$/.exec(name)?.[1]);
  return names.find((name) => name !== undefined)?.toLowerCase();
}

/** The slice that Ray on GKE and on TPU VMs says the machine is of, or is the head of. */
export function sliceOf({ resources }: ClusterNode): string | undefined {
  const head = Object.keys(resources).find((name) => /^TPU-.*-head$/.test(name));
  return head?.slice("TPU-".length, -"-head".length);
}
