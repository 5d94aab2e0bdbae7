/** What `npm run sweep:ray` saw, a line each; said at once, since a run takes many minutes. */
import { say } from "../../../src/house/report.mjs";

export class Table {
  readonly #lines = ["| what | result | seen |", "| - | - | - |"];
  #failed = 0;

  /** `right`: it is as it must be. */
  tell(what: string, right: boolean, seen: string): void {
    this.#add(`| ${what} | ${right ? "right" : "WRONG"} | ${seen} |`);
    if (!right) this.#failed += 1;
  }

  /** A figure, or what could not be tried. */
  note(what: string, seen: string): void {
    this.#add(`| ${what} | - | ${seen} |`);
  }

  #add(line: string): void {
    this.#lines.push(line);
    say(line);
  }

  get failed(): number {
    return this.#failed;
  }

  get text(): string {
    return this.#lines.join("\n");
  }
}
