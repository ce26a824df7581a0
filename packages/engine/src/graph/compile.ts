import type { Variable } from '@tensorflow/tfjs-node-gpu'
import { compileProgram, type Feeds, type Inputs, type ProgramOptions, type Step } from './program.js'

export interface CompileOptions<I extends Inputs, O extends string>
  extends Step<I, O>, Pick<ProgramOptions, 'variables' | 'precision' | 'chooser'> {}

/** One step as a graph. See `compileProgram`. */
export interface Compiled<I extends Inputs, O extends string> {
  run(feeds: Feeds<I>): Record<O, Float32Array>
  push(variables?: readonly Variable[]): void
  read(variables: readonly Variable[]): Float32Array[]
  pull(variables?: readonly Variable[]): void
  dispose(): void
}

/**
 * An ordinary tfjs step as one native call, with the variables inside the graph.
 * @throws CompileError
 */
export function compile<const I extends Inputs, O extends string>(options: CompileOptions<I, O>): Compiled<I, O> {
  const { inputs, step, ...rest } = options
  const program = compileProgram({ ...rest, steps: { step: { inputs, step: step as Step['step'] } } })
  return {
    run: (feeds) => program.run('step', feeds as Feeds) as Record<O, Float32Array>,
    push: (some) => program.push(some),
    read: (some) => program.read(some),
    pull: (some) => program.pull(some),
    dispose: () => program.dispose(),
  }
}
