/** One of the TPU generations in the registry; what each figure means is in `facts.ts`. */
import type { DeviceFacts } from "./facts.ts";
import type { DeviceName } from "./registry.ts";

export interface Device extends DeviceFacts {
  readonly name: DeviceName;
}
