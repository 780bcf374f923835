/** Numbers that a seed and a case's number repeat: a failing case is made again without those before it. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** sfc32 (Doty-Humphrey, PractRand); the first draws, in which seeds are still visible, are thrown away. */
  constructor(seed: number, index: number) {
    this.a = seed | 0;
    this.b = index | 0;
    this.c = 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.bits();
  }

  bits(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor((this.bits() / 2 ** 32) * count);
  }

  /** True once in `many` times. */
  once(many: number): boolean {
    return this.below(many) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
