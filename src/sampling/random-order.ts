/** Uniform whole numbers and permutations from random words, without bias. */
import type { RandomWords } from "../data/poisson.js";

const WORD = 2 ** 32;
const BLOCK = 1024;

export class RandomIntegers {
  private readonly words = new Uint32Array(BLOCK);
  private next = BLOCK;

  constructor(private readonly random: RandomWords) {}

  /** Uniform in 0 … `count` − 1, `count` from 1 to 2³². Words that would favour small numbers are drawn again. */
  below(count: number): number {
    const fair = WORD - (WORD % count);
    for (;;) {
      const word = this.word();
      if (word < fair) return word % count;
    }
  }

  /** Moves a uniform choice of `count` of the values to the front, in random order. */
  choose(values: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const other = i + this.below(values.length - i);
      const value = values[i] as number;
      values[i] = values[other] as number;
      values[other] = value;
    }
  }

  private word(): number {
    if (this.next === BLOCK) {
      this.random.fill(this.words);
      this.next = 0;
    }
    return this.words[this.next++] as number;
  }
}

/** 0 … `count` − 1. */
export function range(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index);
}
