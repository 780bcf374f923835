/** The numbers that fixtures are made of: mulberry32, as test/fixtures/gradients/generator.py draws them. */

/** Draws in the order: inputs, targets, parameters in the model's order. */
export class Stream {
  constructor(private state: number) {}

  /** 32 random bits. */
  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** In [0, 1), 24 bits. */
  uniform(): number {
    return (this.word() >>> 8) / 2 ** 24;
  }

  /** Float32 values around `center`, at most `width` away. */
  centered(count: number, center: number, width: number): Float32Array {
    return Float32Array.from({ length: count }, () => center + width * (2 * this.uniform() - 1));
  }
}
