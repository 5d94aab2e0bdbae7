/** The runner's door: what needs Python goes through here. */

export { compileSpec, compileTarget } from "./compile.ts";
export { greet } from "./doctor.ts";
export { requirePython, workerFolder } from "./environment.ts";
export { EnvironmentError, isLoss, RequestError, WorkerError } from "./errors.ts";
export type { Backend, Host, HostWorker } from "./host.ts";
export { parseHost, withHost } from "./host.ts";
export type { CacheSize } from "./known/cache.ts";
export { CompileCache } from "./known/cache.ts";
export type { LocalWorker } from "./local.ts";
export { withWorker, writePackage } from "./local.ts";
export type * from "./matrix.ts";
export { validateMatrix } from "./matrix.ts";
export { inParallel } from "./parallel.ts";
export type { CompiledPeer, PeerCase } from "./peer.ts";
export { compilePeer } from "./peer.ts";
export type { ClusterOptions, Station } from "./ray/cluster.ts";
export { Cluster, parseCluster, withCluster } from "./ray/cluster.ts";
export { type ClusterNode, chipsOf, kindOf } from "./ray/node.ts";
export type * from "./time.ts";
export { hostKind, timeKernels, timeOn, timeSpec } from "./time.ts";
export type * from "./types.ts";
export { subjectOf, validateOn, validateSpec } from "./validate.ts";
