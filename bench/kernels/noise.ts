/** The cryptographic Gaussian generator: in cache, beside its naive reference, and within an update. */
import { type Contender, interleave } from "../../src/bench/interleave.js";
import { normalsContender } from "../lib/kernels.js";
import { runSuite } from "./run-suite.js";
import { PARAMETERS, UpdateSessions } from "./update.js";

const SAMPLES = 2 ** 24;
const PACE = { rounds: 9, slotMs: 50 };

export async function noiseSuite(): Promise<void> {
  const engine = { ...normalsContender("engine", SAMPLES), name: "AES-CTR, Box–Muller" };
  const naive = { ...normalsContender("naive", SAMPLES / 64), name: "the same pair by pair, float64" };
  await runSuite("Gaussian samples, in cache", [
    { contender: engine, rate: samplesASecond(SAMPLES) },
    { contender: naive, rate: samplesASecond(SAMPLES / 64) },
  ]);
  using sessions = await UpdateSessions.create();
  const [plain, noisy] = [sessions.sgd("sgd", 0), sessions.sgd("noise, sgd", 1)];
  await runSuite(`update of ${PARAMETERS} parameters`, [
    { contender: plain, rate: () => "" },
    { contender: noisy, rate: samplesASecond(PARAMETERS) },
  ]);
  await printRatios(engine, naive, plain, noisy);
}

function samplesASecond(samples: number): (seconds: number) => string {
  return (seconds) => `${(samples / seconds / 1e6).toFixed(0)} million/s`;
}

/** Measured once more, in turn, for benny measures one after the other and machines drift. */
async function printRatios(engine: Contender, naive: Contender, plain: Contender, noisy: Contender): Promise<void> {
  const measured = await interleave([engine, naive, plain, noisy], PACE);
  const faster = 64 * (measured.ratio(naive.name, engine.name) ?? Number.NaN);
  const dearer = measured.ratio(noisy.name, plain.name) ?? Number.NaN;
  process.stdout.write(
    `in turn: ${samplesASecond(SAMPLES)(measured.ms(engine.name) / 1000)}, ${faster.toFixed(0)} × the naive rate; ` +
      `an update with noise takes ${dearer.toFixed(1)} × one without\n\n`,
  );
}
