/** How a command's failure is told: one line, and the stack only to those who set DEBUG. */
export function failureLine(error: unknown): string {
  if (!(error instanceof Error)) return `hushgrad: ${String(error)}`;
  if (process.env.DEBUG) return error.stack ?? error.message;
  return `hushgrad: ${error.message}`;
}
