/** Places in a text, which findings refer to. */

/** A line and a column, both counted from 1. A column is a UTF-16 unit. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something in a text that could not be parsed, or only in part. */
export interface Finding {
  readonly place: Place;
  readonly message: string;
}

/** A named text that converts offsets to places. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#lineStarts.push(at + 1);
    }
  }

  /** Returns the place of an offset. An offset beyond the end gives the place of the end. */
  placeAt(offset: number): Place {
    const bounded = Math.max(0, Math.min(offset, this.text.length));
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] ?? 0) <= bounded) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: bounded - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

export function formatPlace(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}
