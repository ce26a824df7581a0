/** A step that cannot become a graph; the message names the step, the op and the way out. */
export class CompileError extends Error {
  override name = 'CompileError'
}
