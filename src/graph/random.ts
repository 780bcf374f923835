/** What initialisation asks of a source of random numbers. */
export interface UniformSource {
  /** A double in [0, 1). */
  uniform(): number;
}
