/** Noise and optimizer: steps on empty batches, which do nothing else. */
import type { Contender } from "../../src/bench/interleave.js";
import { sequential } from "../../src/graph/builder.js";
import { linear } from "../../src/layers/index.js";
import { crossEntropy } from "../../src/losses/index.js";
import { adamw, type Optimizer, sgd } from "../../src/optimizers/index.js";
import { createSession, type Session } from "../../src/training/session.js";
import { runSuite } from "./run-suite.js";

const WIDTH = 1024;
export const PARAMETERS = WIDTH * WIDTH;
const EXPECTED_BATCH = 256;
const LEARNING_RATE = 0.5;
/** Of the deviation, over a million samples: seven times what chance strays. */
const TOLERANCE = 0.005;

const empty = { inputs: new Float32Array(0), targets: new Int32Array(0), size: 0 };
const plain = sgd({ learningRate: LEARNING_RATE });

export async function updateSuite(): Promise<void> {
  using sessions = await UpdateSessions.create();
  const rate = (seconds: number) => `${((seconds / PARAMETERS) * 1e9).toFixed(2)} ns a parameter`;
  const contenders = [
    sessions.sgd("sgd", 0),
    sessions.sgd("noise, sgd", 1),
    sessions.contender("adamw", adamw({ learningRate: LEARNING_RATE }), 0),
    sessions.contender("noise, adamw", adamw({ learningRate: LEARNING_RATE }), 1),
  ];
  await runSuite(
    `update of ${PARAMETERS} parameters`,
    contenders.map((one) => ({ contender: one, rate })),
  );
}

/** Contenders whose every step is one update of `PARAMETERS` parameters. */
export class UpdateSessions {
  private readonly sessions: Session[] = [];

  /** @throws Error where the noise is not what it should be: nothing is timed before it is right. */
  static async create(): Promise<UpdateSessions> {
    await requireDeviation();
    return new UpdateSessions();
  }

  sgd(name: string, noiseMultiplier: number): Contender {
    return this.contender(name, plain, noiseMultiplier);
  }

  contender(name: string, optimizer: Optimizer, noiseMultiplier: number): Contender {
    const session = makeSession(optimizer, noiseMultiplier);
    this.sessions.push(session);
    return { name, run: (steps) => emptySteps(session, steps) };
  }

  [Symbol.dispose](): void {
    for (const session of this.sessions) session.dispose();
  }
}

function makeSession(optimizer: Optimizer, noiseMultiplier: number): Session {
  const model = sequential([WIDTH], [linear(WIDTH, { bias: false })]);
  const privacy = { noiseMultiplier, expectedBatchSize: EXPECTED_BATCH };
  return createSession(model, { loss: crossEntropy(), optimizer, privacy });
}

async function emptySteps(session: Session, steps: number): Promise<number[]> {
  const times: number[] = [];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    await session.step(empty);
    times.push(performance.now() - start);
  }
  return times;
}

/** An empty batch moves the parameters by noise of deviation learning rate · σ · C / expected batch size. */
async function requireDeviation(): Promise<void> {
  using session = makeSession(plain, 1);
  const weight = (): Float32Array => session.parameters()["0.weight"]?.data as Float32Array;
  const before = weight();
  await session.step(empty);
  const moved = weight().map((value, i) => value - (before[i] ?? Number.NaN));
  const deviation = Math.sqrt(moved.reduce((sum, value) => sum + value * value, 0) / PARAMETERS);
  const expected = LEARNING_RATE / EXPECTED_BATCH;
  if (Math.abs(deviation / expected - 1) <= TOLERANCE) return;
  throw new Error(`noise: not timed, its deviation is ${deviation}, expected ${expected}`);
}
