/**
 * What one device does in a call, as a tree of steps. All devices run the same tree; quantities
 * that depend on the device, its rows or the trip of a loop are functions of where it is.
 */

/** Where a device is in the tree. */
export interface Here {
  readonly device: number;
  /** Trip of an enclosing loop, from 0. */
  readonly trip: (loop: string) => number;
}

export type Quantity = number | ((here: Here) => number);

export type Step =
  /** The core works. */
  | { readonly do: "compute"; readonly stage: string; readonly cycles: Quantity }
  /** Time that is known in seconds and not in cycles of the core. */
  | { readonly do: "spend"; readonly stage: string; readonly seconds: Quantity }
  /** Copies between HBM and VMEM start; `copies` of them are issued one by one. */
  | {
      readonly do: "start";
      readonly stream: string;
      readonly bytes: Quantity;
      readonly copies?: Quantity;
      /** Their issue is among the cycles that the compiler counted. */
      readonly counted?: true;
    }
  /** Waits for the oldest started copies of a stream that nobody waited for, or for all of them. */
  | { readonly do: "wait"; readonly stream: string; readonly all?: true }
  /** Copies to other devices start; what stays on the device is a copy within HBM. */
  | {
      readonly do: "send";
      readonly stream: string;
      readonly bytes: (here: Here, to: number) => number;
      readonly copies: (here: Here, to: number) => number;
    }
  /** Waits for what every device sent here with its first send not yet received, or with all. */
  | { readonly do: "receive"; readonly stream: string; readonly all?: true }
  /** A copy to one other device, where it is taken by its tag; nothing to itself. */
  | {
      readonly do: "post";
      readonly stream: string;
      readonly bytes: number;
      /** As so many copies. Absent: as one. */
      readonly copies?: number;
      readonly to: (here: Here) => number;
      readonly tag: (here: Here) => string;
    }
  /** Waits for the copy with a tag, the oldest that was not taken yet. */
  | { readonly do: "take"; readonly stream: string; readonly tag: (here: Here) => string }
  /** No device goes on before all are here. */
  | { readonly do: "barrier"; readonly name: string }
  | {
      readonly do: "loop";
      readonly name: string;
      readonly trips: Quantity;
      readonly body: readonly Step[];
    }
  | {
      readonly do: "when";
      readonly test: (here: Here) => boolean;
      readonly body: readonly Step[];
    };

/** A quantity where a device is. */
export function amount(quantity: Quantity, here: Here): number {
  return typeof quantity === "number" ? quantity : quantity(here);
}
