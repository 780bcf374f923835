/** The ratios that must not get worse, by group: all of a group are measured together in one process, in turn. */
import { clipContender, readContender } from "../../src/bench/gradient-kernels.js";
import { type Contender, interleave, type Measurements, type Pace } from "../../src/bench/interleave.js";
import { Subject } from "../../src/bench/subject.js";
import { requireMatch } from "../../src/bench/verify.js";
import { workloadByName } from "../../src/bench/workloads.js";
import type { StrategyName } from "../../src/native/binding.js";
import { beyondCache, gemmContender } from "../lib/kernels.js";

/** A pair of contenders' names: numerator, denominator. */
export type Pair = readonly [string, string];

export interface Group {
  readonly name: string;
  readonly ratios: readonly Pair[];
  contenders(): Promise<Contender[]>;
  /** Frees what `contenders` made. */
  release(): void;
}

/** Ratios to a GEMM say how a step uses the processor, which depends on its instruction set. */
export const GEMM = "gemm";

/** Not a power of two: those run slow, each on its own machine. 3 ms on one AVX-512 core. */
const GEMM_SIZE = 480;
const CLIP_COLUMNS = 2 ** 16;

/** Left out: pairs that take so long that nobody uses them, such as `ghost` on the large pictures of dpcnn; resnet18 and unet, whose steps are too long. */
export function groups(): Group[] {
  return [
    workloadGroup("mlp", ["auto", "ghost"]),
    workloadGroup("mnist-cnn", ["auto", "fused", "ghost", "reweight", "materialize"]),
    workloadGroup("dpcnn", ["auto", "fused"]),
    clipGroup(),
  ];
}

/** `mlp: auto/none`. */
export function ratioName(group: Group, [over, under]: Pair): string {
  return `${group.name}: ${over}/${under}`;
}

/** Measures what these pairs need, in turn. */
export type Measure = (pairs: readonly Pair[], pace: Pace) => Promise<Measurements>;

/** Makes the group's contenders once, for as many measurements as `work` asks for. */
export async function withContenders<T>(group: Group, work: (measure: Measure) => Promise<T>): Promise<T> {
  try {
    const contenders = await group.contenders();
    return await work((pairs, pace) => {
      const names = pairs.flat();
      return interleave(
        contenders.filter(({ name }) => names.includes(name)),
        pace,
      );
    });
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
