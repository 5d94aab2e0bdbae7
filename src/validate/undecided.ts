/** What was not found out is not right, and not wrong. */

/** Given up, or its worker was taken from outside: neither says anything of the kernel. */
const WITHOUT_VERDICT: readonly unknown[] = ["timeout", "lost"];

/** Whether a failure of this kind is no verdict: another run may give one. */
export function isUndecided(kind: string | undefined): boolean {
  return WITHOUT_VERDICT.includes(kind);
}
