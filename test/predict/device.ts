/** A device whose figures make times that one can work out by hand. */
import type { DeviceFacts } from "../../src/target/device/facts.ts";
import { devices } from "../../src/target/device/registry.ts";
import type { Figure } from "../../src/target/device/timing.ts";

const figure = (value: number): Figure => ({ value, source: "test" });

/** 1 cycle is 1 ns, HBM and each link move 1 byte a ns; 500 ns to copy, 1,000 ns to send. */
export const plain: DeviceFacts = {
  ...devices.v6e,
  clock: 1e9,
  hbmBandwidth: 1e9,
  timing: {
    ...devices.v6e.timing,
    hbmEfficiency: figure(1),
    dmaLatency: figure(500e-9),
    localCopy: figure(0),
    issueCycles: figure(0),
    remoteLatency: figure(1000e-9),
    hopLatency: figure(100e-9),
    remoteCopy: figure(0),
    signal: figure(0),
    ici: { ...devices.v6e.timing.ici, linkBandwidth: figure(1e9), chipBandwidth: figure(1e9) },
  },
};

export const nanoseconds = (seconds: number): number => Math.round(seconds * 1e9);
