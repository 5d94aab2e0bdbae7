/** Settings of the JavaScript engine for short runs. */
import { setFlagsFromString } from "node:v8";

/**
 * The Python formatter is a large WebAssembly module. By default V8 starts to optimise it on all
 * cores, and a process that has long finished waits for that: twice the time of the whole build.
 */
export function compileWasmOnce(): void {
  setFlagsFromString("--liftoff-only");
  setFlagsFromString("--wasm-lazy-compilation");
}
