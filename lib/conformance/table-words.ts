/** A growing list of 32-bit words, in the encodings of native/conformance/table.h. */
export class TableWords {
  readonly #words: number[] = [];

  get length(): number {
    return this.#words.length;
  }

  /** Appends a word. A negative number is converted to unsigned, as in C. */
  word(value: number): void {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0xffff_ffff) {
      throw new RangeError(`${value} does not fit 32 bits`);
    }
    this.#words.push(value >>> 0);
  }

  words(...values: readonly number[]): void {
    for (const value of values) this.word(value);
  }

  flag(value: boolean): void {
    this.word(value ? 1 : 0);
  }

  /** Appends 64 bits, modulo 2^64. */
  long(value: bigint): void {
    const bits = BigInt.asUintN(64, value);
    this.words(Number(bits & 0xffff_ffffn), Number(bits >> 32n));
  }

  bytes(bytes: Uint8Array): void {
    this.word(bytes.length);
    for (let start = 0; start < bytes.length; start += 4) {
      const byte = (index: number): number => bytes[start + index] ?? 0;
      this.word(byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24));
    }
  }

  string(text: string): void {
    this.bytes(new TextEncoder().encode(text));
  }

  list<Element>(elements: readonly Element[], write: (element: Element) => void): void {
    this.word(elements.length);
    for (const element of elements) write(element);
  }

  optional<Element>(element: Element | undefined, write: (element: Element) => void): void {
    this.flag(element !== undefined);
    if (element !== undefined) write(element);
  }

  append(other: TableWords): void {
    for (const word of other.#words) this.#words.push(word);
  }

  /** Reserves a word that is set later. Returns its position. */
  reserve(): number {
    return this.#words.push(0) - 1;
  }

  set(index: number, value: number): void {
    this.#words[index] = value;
  }

  toArray(): Uint32Array {
    return Uint32Array.from(this.#words);
  }
}
