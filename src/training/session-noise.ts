/**
 * A session's noise: its key, that of the counts of adaptive thresholds, and where noise is correlated from step to step what
 * it remembers of earlier ones.
 */
import { checkKind, checkList } from "../arguments.js";
import type { NativeBinding, NativeSession } from "../native/binding.js";
import { discreteCounts, gaussianCounts, type ReleaseCounts } from "../privacy/count-noise.js";
import type { SessionRandom } from "../privacy/random.js";

export class SessionNoise {
  /** Steps whose noise has to be drawn again before the next. */
  private unreplayed: number | undefined;

  /** `drawDiscrete`: where noise is discrete. */
  constructor(
    private readonly native: NativeSession,
    private readonly random: SessionRandom,
    private readonly seeded: boolean,
    private readonly drawDiscrete: NativeBinding["discreteNoise"] | undefined,
  ) {
    this.takeKey();
  }

  /**
   * Goes on after step `step` instead of `before`. A seeded session repeats the noise that it drew; any other takes a new key
   * where it goes back, and remembers nothing.
   */
  goTo(step: number, before: number): void {
    if (this.seeded) {
      this.unreplayed = this.native.noiseBuffers > 0 ? step : undefined;
      return;
    }
    if (step < before) {
      this.random.renew();
      this.takeKey();
    }
    this.load(this.memory().map((buffer) => buffer.fill(0)));
  }

  /** The noise on a step's counts; no key is derived before there are any. */
  onCounts(step: number): ReleaseCounts {
    const draw = this.drawDiscrete;
    if (draw) {
      return discreteCounts((deviation, samples) => {
        this.random.withCountKey(step, (key) => draw(key, deviation, samples));
      });
    }
    return (counts, deviation) => {
      const stream = this.random.countNoise(step);
      return gaussianCounts(() => stream.normal())(counts, deviation);
    };
  }

  /** Secret. Empty where steps' noise is independent. */
  memory(): Float32Array[] {
    if (this.unreplayed !== undefined)
      throw new Error("noiseMemory(): known after the next step, which draws it again");
    return Array.from({ length: this.native.noiseBuffers }, (_, i) => this.native.getNoiseMemory(i));
  }

  load(buffers: readonly Float32Array[]): void {
    checkList("buffers", buffers, "Float32Arrays");
    for (const [i, buffer] of buffers.entries()) checkKind(`buffers[${i}]`, buffer, Float32Array);
    const { noiseBuffers } = this.native;
    if (buffers.length !== noiseBuffers) {
      throw new RangeError(`noise memory: got ${buffers.length} buffers, expected ${noiseBuffers}`);
    }
    for (const [i, buffer] of buffers.entries()) this.native.setNoiseMemory(i, buffer);
  }

  /** Before a step, which need not wait: the native thread takes its calls in order. */
  replay(): Promise<void> | undefined {
    if (this.unreplayed === undefined) return undefined;
    const replaying = this.native.replayNoise(this.unreplayed).then(() => {
      this.unreplayed = undefined;
    });
    replaying.catch(() => {}); // looked at after the step, perhaps after another failure
    return replaying;
  }

  private takeKey(): void {
    this.random.withNoiseKey((key) => this.native.setNoiseKey(key));
  }
}
