import { z } from 'zod'
import { Lint, StartFrom, Waiting } from './job.js'
import { JobSpec, Preset } from './job-spec.js'

const count = z.number().min(0)

/** What a job is expected to take, from the shapes of its networks and from jobs that ran before it. */
export const Estimate = z
  .object({
    /** What it is reckoned for: of a job that asks for any, the class that has workers, a GPU before a CPU. */
    deviceClass: z.enum(['cpu', 'gpu']),
    /** Numbers that training moves. */
    parameters: z.object({ generator: z.int(), critic: z.int() }),
    /** Updates of both networks from here to the end of the budget; null where only seconds bound it and no speed is known. */
    steps: z.object({ generator: z.int().nullable(), critic: z.int().nullable() }),
    /** Floating-point operations, a multiplication and an addition being two. */
    operations: z.object({ perGeneratorStep: count, total: count.nullable() }),
    /** Bytes at the peak, in the trainer's process. */
    memory: z.object({
      bytes: z.int(),
      parts: z.object({
        /** TensorFlow, Node and their buffers: what the smallest job takes. */
        runtime: z.int(),
        /** Weights and optimizer slots, in the graph, beside it, and while a checkpoint is written. */
        weights: z.int(),
        /** Gradients of the weights of the network that learns. */
        gradients: z.int(),
        /** What forward and backward passes keep. */
        activations: z.int(),
        /** What the gradient penalty's second pass adds. */
        penalty: z.int(),
        /** Images, and what convolutions make of them. */
        batch: z.int(),
        /** What drawing a sample grid takes beyond a training step. */
        sampling: z.int(),
      }),
      /** A spec beyond this is refused: the largest device that a worker told of, else the configured ceiling. */
      limit: z.object({ bytes: z.int(), of: z.enum(['worker', 'ceiling']) }),
    }),
    /** Bytes that stay; null where `steps` are. */
    storage: z
      .object({
        bytes: z.int(),
        parts: z.object({ curve: z.int(), samples: z.int(), checkpoints: z.int() }),
      })
      .nullable(),
    duration: z.object({
      /** Of training, from the claim on; null when nothing tells. */
      seconds: count.nullable(),
      /**
       * `attempts`: operations per second of earlier attempts on such devices. `budget`: it ends by its seconds. Null when no attempt
       * told of a speed.
       */
      basis: z
        .discriminatedUnion('of', [
          z.object({
            of: z.literal('attempts'),
            attempts: z.int(),
            /** `networks`: they trained the same kinds of networks in the same precision. `device`: only the device class is the same. */
            alike: z.enum(['networks', 'device']),
            operationsPerSecond: count,
            /** The seconds that the fastest and the slowest of them would take. */
            range: z.tuple([count, count]),
          }),
          z.object({ of: z.literal('budget') }),
        ])
        .nullable(),
    }),
  })
  .meta({ id: 'Estimate' })
export type Estimate = z.infer<typeof Estimate>

/** What `POST /jobs?dryRun=true` answers: nothing is stored. The same body may be sent again, or the resolved `spec` in its place. */
export const JobPlan = z
  .object({
    /** With every default, the seed and the dataset's version: what would be stored. */
    spec: JobSpec,
    preset: Preset.nullable(),
    startFrom: StartFrom.nullable(),
    lint: z.array(Lint),
    estimate: Estimate,
    /** Where it would stand in the queue now. */
    waiting: Waiting,
  })
  .meta({ id: 'JobPlan' })
export type JobPlan = z.infer<typeof JobPlan>
