/** How a command's failure is told: one line, and the stack only to those who set DEBUG. */
export function failureLine(error: unknown): string {
  if (!(error instanceof Error)) return `hushgrad: ${printable(String(error))}`;
  if (process.env.DEBUG) return error.stack ?? error.message;
  return `hushgrad: ${printable(error.message)}`;
}

/** Names of files may hold what a terminal obeys: control characters but the end of a line are shown as escapes. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (control) => {
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
