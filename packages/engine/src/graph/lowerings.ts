import {
  type FilterGradient,
  filterGradientKey,
  type FilterLowering,
  filterLowerings,
  lowerFilterGradient,
} from './filter-gradients.js'
import { createGraphBuilder } from './graph-builder.js'
import { Session, takeValues } from './session.js'

/** Lowerings by problem; plain JSON, good for this machine, thread count and TensorFlow only. */
export type Lowerings = Record<string, FilterLowering>

/** Decides how an op is lowered that can be lowered in several ways. */
export interface LoweringChooser {
  choose(problem: FilterGradient): FilterLowering
  /** Everything chosen so far. */
  readonly lowerings: Readonly<Lowerings>
}

/** Takes what `lowerings` says and the op itself elsewhere: repeats a run to the bit. */
export function pinnedLowerings(lowerings: Readonly<Lowerings> = {}): LoweringChooser {
  return { lowerings, choose: (problem) => lowerings[filterGradientKey(problem)] ?? 'direct' }
}

/** Like pinned ones, but times the candidates of what `known` does not say: about half a second per problem. */
export function measuredLowerings(known: Readonly<Lowerings> = {}): LoweringChooser {
  const lowerings: Lowerings = { ...known }
  return {
    lowerings,
    choose: (problem) => (lowerings[filterGradientKey(problem)] ??= fastest(timeFilterGradients(problem))),
  }
}

/** The op itself stays unless another way is clearly faster: a choice should not hang on noise. */
const CLEARLY = 0.9

function fastest(milliseconds: Record<FilterLowering, number>): FilterLowering {
  const best = filterLowerings.reduce((a, b) => (milliseconds[b] < milliseconds[a] ? b : a))
  return milliseconds[best] < CLEARLY * milliseconds.direct ? best : 'direct'
}

/** Different inputs per call, or equal nodes would be merged. */
const COPIES = 2
const ROUNDS = 4

/** The shortest time of each candidate in ms. */
function timeFilterGradients(problem: FilterGradient): Record<FilterLowering, number> {
  const graph = createGraphBuilder()
  const [batch, height, width, channels] = problem.images
  const inputs = Array.from({ length: COPIES }, (_, k) => ({
    images: addNoise(graph, problem, { shape: [batch, height, width, channels], seed: 2 * k }),
    gradient: addNoise(graph, problem, { shape: [batch, height / 2, width / 2, problem.to], seed: 2 * k + 1 }),
  }))
  const ready = inputs.flatMap(({ images, gradient }) => [images.ready, gradient.ready])
  const fetches = filterLowerings.map((lowering) => {
    const results = inputs.map(({ images, gradient }, k) =>
      lowerFilterGradient(graph, problem, {
        scope: `${lowering}/${k}`,
        images: images.value,
        gradient: gradient.value,
        lowering,
      }),
    )
    return addLast(graph, lowering, { results, dtype: problem.dtype })
  })
  const session = new Session(graph.nodes)
  try {
    takeValues(session.run([], ready))
    const times = filterLowerings.map(() => Infinity)
    // The first round prepares; rounds are interleaved, so that a burst of other work hits all candidates.
    for (let round = 0; round <= ROUNDS; round++) {
      fetches.forEach((fetch, i) => {
        const start = performance.now()
        takeValues(session.run([], [fetch]))
        if (round > 0) times[i] = Math.min(times[i] as number, (performance.now() - start) / COPIES)
      })
    }
    return Object.fromEntries(filterLowerings.map((lowering, i) => [lowering, times[i]])) as never
  } finally {
    session.dispose()
  }
}

type Graph = ReturnType<typeof createGraphBuilder>

/** A variable full of noise: `ready` fills it, `value` reads it. */
function addNoise(
  graph: Graph,
  { dtype }: FilterGradient,
  { shape, seed }: { shape: number[]; seed: number },
): { ready: string; value: string } {
  const name = `noise/${seed}`
  const integer = { type: 'int32' } as const
  const handle = graph.variable(name, shape, dtype)
  const drawn = graph.add(`${name}/draw`, 'StatelessRandomNormal', [graph.integers(shape), graph.integers([seed, 1])], {
    dtype: { type: 'float32' },
    T: integer,
    Tseed: integer,
  })
  const values = graph.add(`${name}/cast`, 'Cast', [drawn], { SrcT: { type: 'float32' }, DstT: { type: dtype } })
  const assign = graph.add(`${name}/assign`, 'AssignVariableOp', [handle, values], { dtype: { type: dtype } })
  return {
    ready: graph.add(`${name}/ready`, 'Identity', [graph.integers([1]), `^${assign}`], { T: integer }),
    value: graph.add(`${name}/value`, 'ReadVariableOp', [handle], { dtype: { type: dtype } }),
  }
}

/** One number per result: what only a control edge waits for, TensorFlow leaves out. */
function addLast(
  graph: Graph,
  lowering: string,
  { results, dtype }: { results: readonly string[]; dtype: FilterGradient['dtype'] },
): string {
  const largest = results.map((ref) =>
    graph.add(`${lowering}/largest`, 'Max', [ref, graph.integers([0, 1, 2, 3])], {
      T: { type: dtype },
      Tidx: { type: 'int32' },
      keep_dims: { bool: false },
    }),
  )
  const together = graph.add(`${lowering}/together`, 'Pack', largest, {
    T: { type: dtype },
    N: { int: largest.length },
    axis: { int: 0 },
  })
  return graph.add(`${lowering}/done`, 'Cast', [together], { SrcT: { type: dtype }, DstT: { type: 'float32' } })
}
