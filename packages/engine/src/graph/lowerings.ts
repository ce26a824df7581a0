import { type Convolution, convolutionKey, lowerConvolution, type Plan, plansOf } from './convolution-plans.js'
import { createGraphBuilder, type GraphBuilder } from './graph-builder.js'
import { Session, takeValues } from './session.js'

/** Plans by convolution; plain JSON, good for this machine, thread count and TensorFlow only. */
export type Lowerings = Readonly<Record<string, Plan>>

/** Decides how an op is lowered that can be lowered in several ways. */
export interface LoweringChooser {
  choose(problem: Convolution): Plan
  /** What was chosen so far. */
  readonly lowerings: Lowerings
}

/** Takes what `lowerings` says and the op itself elsewhere: repeats a run to the bit. */
export const pinnedLowerings = (lowerings: Lowerings = {}): LoweringChooser =>
  chooserOf((problem) => lowerings[convolutionKey(problem)] ?? 'direct')

/** Like pinned ones, but times the plans of what `known` does not say: up to a second per convolution. */
export const measuredLowerings = (known: Lowerings = {}): LoweringChooser =>
  chooserOf((problem) => known[convolutionKey(problem)] ?? fastest(timePlans(problem)))

function chooserOf(decide: (problem: Convolution) => Plan): LoweringChooser {
  const lowerings: Record<string, Plan> = {}
  return { lowerings, choose: (problem) => (lowerings[convolutionKey(problem)] ??= decide(problem)) }
}

/** The op itself stays unless another way is clearly faster: a choice should not hang on noise. */
const CLEARLY = 0.95

function fastest(milliseconds: ReadonlyMap<Plan, number>): Plan {
  const [best] = [...milliseconds].reduce((a, b) => (b[1] < a[1] ? b : a))
  const time = (plan: Plan): number => milliseconds.get(plan) ?? Infinity
  return time(best) < CLEARLY * time('direct') ? best : 'direct'
}

/** Different inputs per call, or equal nodes would be merged. */
const COPIES = 2
/** Timing ends when so many rounds in a row found nothing faster: on a busy machine the shortest times come late. */
const STEADY_ROUNDS = 3
const MAX_ROUNDS = 20
/** What counts as faster than the shortest time so far. */
const FASTER = 0.97

/** The shortest time of each plan in ms. */
function timePlans(problem: Convolution): Map<Plan, number> {
  const graph = createGraphBuilder()
  const [batch, height, width, channels] = problem.images
  const filter = addNoise(graph, problem, { shape: [4, 4, channels, problem.to], seed: 0 })
  const inputs = Array.from({ length: COPIES }, (_, k) => ({
    filter,
    images: addNoise(graph, problem, { shape: [batch, height, width, channels], seed: 2 * k + 1 }),
    gradient: addNoise(graph, problem, { shape: [batch, height / 2, width / 2, problem.to], seed: 2 * k + 2 }),
  }))
  const plans: readonly Plan[] = plansOf[problem.kind]
  const fetches = plans.map((plan) => {
    const results = inputs.flatMap((input, k) => addPasses(graph, problem, input, { scope: `${plan}/${k}`, plan }))
    return addLast(graph, plan, { results, dtype: problem.dtype })
  })
  const session = new Session(graph.nodes)
  try {
    takeValues(
      session.run(
        [],
        inputs.flatMap((input) => Object.values(input).map(({ ready }) => ready)),
      ),
    )
    const run = (fetch: string): number => {
      const start = performance.now()
      takeValues(session.run([], [fetch]))
      return (performance.now() - start) / COPIES
    }
    // The first calls prepare.
    fetches.forEach(run)
    return shortestTimes(new Map(plans.map((plan, i) => [plan, () => run(fetches[i] as string)])))
  } finally {
    session.dispose()
  }
}

/** Rounds are interleaved, so that a burst of other work hits all plans. */
function shortestTimes(runs: ReadonlyMap<Plan, () => number>): Map<Plan, number> {
  const times = new Map<Plan, number>()
  for (let round = 0, steady = 0; round < MAX_ROUNDS && steady < STEADY_ROUNDS; round++) {
    let isSteady = true
    for (const [plan, run] of runs) {
      const before = times.get(plan) ?? Infinity
      const elapsed = run()
      if (elapsed < FASTER * before) isSteady = false
      times.set(plan, Math.min(before, elapsed))
    }
    steady = isSteady ? steady + 1 : 0
  }
  return times
}

interface Noise {
  ready: string
  value: string
}

/** The passes that a plan decides on. */
function addPasses(
  graph: GraphBuilder,
  problem: Convolution,
  { filter, images, gradient }: Record<'filter' | 'images' | 'gradient', Noise>,
  options: { scope: string; plan: Plan },
): string[] {
  if (problem.kind === 'image-gradient') {
    const pass = { op: 'Conv2DBackpropInput', filter: filter.value, gradient: gradient.value } as const
    return [lowerConvolution(graph, problem, pass, options)]
  }
  const forward = { op: 'Conv2D', images: images.value, filter: filter.value } as const
  const backward = { op: 'Conv2DBackpropFilter', images: images.value, gradient: gradient.value } as const
  return [forward, backward].map((pass) => lowerConvolution(graph, problem, pass, options))
}

/** A variable full of noise: `ready` fills it, `value` reads it. */
function addNoise(
  graph: GraphBuilder,
  { dtype }: Convolution,
  { shape, seed }: { shape: number[]; seed: number },
): Noise {
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
  graph: GraphBuilder,
  plan: Plan,
  { results, dtype }: { results: readonly string[]; dtype: Convolution['dtype'] },
): string {
  const type = { T: { type: dtype } }
  const index = { type: 'int32' } as const
  const firsts = results.map((ref) => {
    const flat = graph.add(`${plan}/flat`, 'Reshape', [ref, graph.integers([-1])], { ...type, Tshape: index })
    return graph.add(`${plan}/first`, 'Slice', [flat, graph.integers([0]), graph.integers([1])], {
      ...type,
      Index: index,
    })
  })
  const together = graph.add(`${plan}/together`, 'Pack', firsts, {
    ...type,
    N: { int: firsts.length },
    axis: { int: 0 },
  })
  return graph.add(`${plan}/done`, 'Cast', [together], { SrcT: { type: dtype }, DstT: { type: 'float32' } })
}
