/**
 * What each test file has, also where files share their modules (`isolate` in vitest.config.ts): a hook that a
 * shared module registers when it is loaded would be the first file's alone.
 */
import { afterEach } from "vitest";
import { logCpu } from "./cpu.ts";
import { removeFolders } from "./folders.ts";

afterEach(removeFolders);

const file = process.env.MOEGEN_CPU_LOG;
if (file !== undefined) logCpu(file);
