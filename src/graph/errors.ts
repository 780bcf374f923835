/** Errors of model building: each says what was wrong, where, and what to write instead. */

/** A shape that is none. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** A layer that cannot stand where it was put: names its path, the reason and the way out. */
export class LayerError extends Error {
  override readonly name = "LayerError";

  constructor(
    /** Where the layer stands in the model, such as `3`. */
    readonly path: string,
    /** What JSON calls the layer, such as `conv2d`. */
    readonly type: string,
    readonly reason: string,
    /** What to use or write instead. */
    readonly instead: string,
  ) {
    super(`layer '${path}' (${type}): ${reason}; ${instead}`);
  }
}

/** A graph that is wired wrongly. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}
