/** Other engines, each in a process of bench/peers/peer.py. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../native/load.js";
import { LineChild } from "./line-child.js";

export interface Peer {
  readonly engine: string;
  /** In this benchmark's words. */
  readonly strategy: string;
  readonly private: boolean;
}

export const peers: readonly Peer[] = [
  { engine: "pytorch", strategy: "none", private: false },
  { engine: "pytorch-compile", strategy: "none", private: false },
  { engine: "opacus", strategy: "materialize", private: true },
  { engine: "opacus-ghost", strategy: "ghost", private: true },
  { engine: "fastdp", strategy: "mixed", private: true },
  { engine: "jax-privacy", strategy: "materialize", private: true },
];

export function startPeer(peer: Peer, workload: string, batch: number, python: string): LineChild {
  return new LineChild(python, ["-B", peerScript(), peer.engine, workload, String(batch)]);
}

/** @throws Error where the package came without it. */
export function peerScript(): string {
  const script = join(packageRoot(), "bench", "peers", "peer.py");
  if (existsSync(script)) return script;
  throw new Error(
    `--peers needs ${script}, which is in hushgrad's repository only: clone it and run npm run bench there`,
  );
}
