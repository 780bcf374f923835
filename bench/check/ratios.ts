/** The ratios that must not get worse, by group: all of a group are measured together in one process, in turn. */
import { type Contender, interleave, type Measurements, type Pace } from "../../src/bench/interleave.js";
import { Subject } from "../../src/bench/subject.js";
import { requireMatch } from "../../src/bench/verify.js";
import { workloadByName } from "../../src/bench/workloads.js";
import type { StrategyName } from "../../src/native/binding.js";
import { beyondCache, clipContender, gemmContender, readContender } from "../lib/kernels.js";

export interface Group {
  readonly name: string;
  /** Names of contenders: numerator, denominator. */
  readonly ratios: readonly (readonly [string, string])[];
  contenders(): Promise<Contender[]>;
  /** Frees what `contenders` made. */
  release(): void;
}

/** Ratios to a GEMM say how a step uses the processor, which depends on its instruction set. */
export const GEMM = "gemm";

/** Not a power of two: those run slow, each on its own machine. 3 ms on one AVX-512 core. */
const GEMM_SIZE = 480;
const CLIP_COLUMNS = 2 ** 16;

/** `naive` and, where it takes seconds, `materialize` are references, not what anyone waits for. */
export function groups(): Group[] {
  return [
    workloadGroup("mlp", ["auto", "ghost", "reweight"]),
    workloadGroup("mnist-cnn", ["auto", "fused", "ghost", "reweight", "materialize"]),
    workloadGroup("dpcnn", ["auto", "fused", "ghost"]),
    clipGroup(),
  ];
}

/** `mlp: auto/none`. */
export function ratioName(group: Group, [over, under]: readonly [string, string]): string {
  return `${group.name}: ${over}/${under}`;
}

/** Measures a group's ratios; `measure` may be called again, with another pace. */
export async function withContenders<T>(
  group: Group,
  work: (measure: (pace: Pace) => Promise<Measurements>) => Promise<T>,
): Promise<T> {
  try {
    const contenders = await group.contenders();
    return await work((pace) => interleave(contenders, pace));
  } finally {
    group.release();
  }
}

function workloadGroup(name: string, strategies: readonly StrategyName[]): Group {
  const subjects: Subject[] = [];
  const all = ["none", ...strategies] as const;
  return {
    name,
    ratios: [...strategies.map((strategy) => [strategy, "none"] as const), ["none", GEMM]],
    async contenders() {
      const workload = workloadByName(name);
      const contenders: Contender[] = [gemmContender(GEMM_SIZE)];
      for (const strategy of all) {
        await requireMatch(workload, strategy);
        const subject = Subject.create(workload, { strategy, batch: workload.batch });
        subjects.push(subject);
        contenders.push({ name: strategy, run: (steps) => subject.run(steps) });
      }
      return contenders;
    },
    release() {
      for (const subject of subjects.splice(0)) subject.dispose();
    },
  };
}

/** Clipping of gradients that lie in memory, against reading them. */
function clipGroup(): Group {
  return {
    name: "clip",
    ratios: [["fused", "read"]],
    async contenders() {
      const gradients = beyondCache();
      return [readContender(gradients), clipContender("fused", gradients, CLIP_COLUMNS)];
    },
    release() {},
  };
}
