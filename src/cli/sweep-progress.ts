/** How a sweep looks while it goes: on a terminal a bar of cells above that of the cell under way, plain lines elsewhere. */
import cliProgress from "cli-progress";
import type { GridCell } from "../sweep/grid.js";
import type { CellOutcome } from "../sweep/run-sweep.js";
import type { Trainer } from "../training/trainer.js";
import { failureLine, printable } from "./failure.js";
import { type Bar, barStyle, type Progress, showProgress } from "./progress.js";

export class SweepProgress {
  private readonly bars: cliProgress.MultiBar | undefined;
  private cellsBar: cliProgress.SingleBar | undefined;
  private inCell: Progress | undefined;
  private done = 0;

  constructor(
    private readonly cells: number,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {
    if (!stream.isTTY) return;
    this.bars = new cliProgress.MultiBar({
      ...barStyle,
      stream,
      format: "{value} of {total} cells done │{bar}│ {name}",
    });
    this.cellsBar = this.bars.create(cells, 0, { name: "" });
  }

  /** Before a cell trains. */
  begin(trainer: Trainer, { name }: GridCell): void {
    this.cellsBar?.update(this.done, { name });
    if (!this.bars) this.line(`cell ${this.done + 1} of ${this.cells}: ${name}`);
    this.inCell = showProgress(trainer, this.stream, this.bars && nestedBar(this.bars));
  }

  /** After a cell, whether it trained or not. */
  end(outcome: CellOutcome): void {
    this.inCell?.stop();
    this.inCell = undefined;
    this.done++;
    const { cell, state } = outcome;
    this.cellsBar?.update(this.done, { name: cell.name });
    if (state === "done" && !this.bars) this.line(`cell ${this.done} of ${this.cells}: ${cell.name}, finished before`);
    if (state === "failed")
      this.line(`cell ${cell.name} failed: ${failureLine(outcome.error).replace(/^hushgrad: /, "")}`);
  }

  stop(): void {
    this.inCell?.stop();
    this.bars?.stop();
  }

  private line(text: string): void {
    const whole = `${printable(text)}\n`;
    if (!this.bars) return void this.stream.write(whole);
    this.bars.log(whole);
    this.bars.update(); // or it would be lost if nothing is drawn any more
  }
}

/** A bar below the others, gone when its cell is. */
function nestedBar(bars: cliProgress.MultiBar): (format: string) => Bar {
  return (format) => {
    let bar: cliProgress.SingleBar | undefined;
    return {
      start(total, value, payload) {
        bar = bars.create(total, value, payload, { format });
      },
      update: (value, payload) => bar?.update(value, payload),
      stop: () => void (bar && bars.remove(bar)),
    };
  };
}
