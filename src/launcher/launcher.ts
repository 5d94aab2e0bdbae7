/** How a team starts a Ray cluster for its sweeps: plain files, which it reads and changes. */

export interface Launcher {
  readonly name: string;
  /** For `moegen init --help`, in a few words. */
  readonly summary: string;
  /** Its files: `templates/launcher/NAME/FILE.hbs`. */
  readonly files: readonly string[];
  /** Those that others have too: `templates/launcher/shared/FILE.hbs`. */
  readonly shared: readonly string[];
  /** What to run then, in its folder. */
  readonly next: readonly string[];
}

/** Locks of the nodes' Python, which each launcher's folder gets. */
export const LOCKS = ["requirements.lock", "requirements-cluster.lock"] as const;
