/** A TPU generation, of the registry or of a test; what each figure means is in `facts.ts`. */
import type { DeviceFacts } from "./facts.ts";

export type Device = DeviceFacts;
