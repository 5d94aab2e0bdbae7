/** Copies to single devices: each is taken by its tag, those with the same tag in the order sent. */

export interface Letter {
  /** When it was sent, and when it is there; seconds. */
  readonly sent: number;
  readonly arrival: number;
}

/** What was sent and not taken yet. */
export class Post {
  private readonly boxes = new Map<string, Letter[]>();

  /** Puts a copy of a stream where device `to` takes it. */
  put(stream: string, to: number, tag: string, letter: Letter): void {
    const key = `${stream} ${to} ${tag}`;
    const box = this.boxes.get(key);
    if (box === undefined) this.boxes.set(key, [letter]);
    else box.push(letter);
  }

  /** The oldest with this tag for device `to`; undefined: it was not sent yet. */
  take(stream: string, to: number, tag: string): Letter | undefined {
    return this.boxes.get(`${stream} ${to} ${tag}`)?.shift();
  }
}
