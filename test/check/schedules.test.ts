import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { schedules } from "../../src/schedule/registry.ts";

test("a schedule is one folder and one entry of the registry", () => {
  const folder = new URL("../../src/schedule/", import.meta.url);
  const kinds = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  expect(kinds.sort()).toEqual(Object.keys(schedules).sort());
  const registry = readFileSync(new URL("registry.ts", folder), "utf8");
  for (const kind of kinds) expect(registry.split(`"./${kind}/`)).toHaveLength(2);
  for (const [key, schedule] of Object.entries(schedules)) expect(schedule.kind).toBe(key);
});
