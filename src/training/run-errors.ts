/** The folder holds another run, is in use, cannot be written to, or is no run's folder. */
export class RunDirectoryError extends Error {
  override readonly name = "RunDirectoryError";
}
