import {
  AppError,
  exportedMedia,
  type ExportRequest,
  type FieldError,
  type Generate,
  generatedMedia,
  type Job,
  numGenerated,
  POINT_SIZE,
  type Task,
} from '@kantor/contracts'
import {
  cancelTask,
  createTask,
  type Database,
  findSameTask,
  getTask,
  listTasks,
  type NewTask,
  taskOutput,
} from '@kantor/db'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ApiDeps } from '../deps.js'
import { validationFailed } from '../plugins/zod.js'
import { register } from '../register.js'
import { sendObject } from '../send-object.js'
import { existingCheckpoint } from './artifacts.js'
import { existingJob } from './jobs.js'

/** Workers look for queued tasks themselves: nothing has to be told to them here. */
export function taskRoutes(app: FastifyInstance, { store }: ApiDeps): void {
  register(app, 'verifyCheckpoint', async ({ params, db, reply }) => {
    const task = await createTask(db, { kind: 'verify', checkpointId: params.id })
    reply.header('location', `/tasks/${task.id}`)
    return task
  })
  register(app, 'generateImages', async ({ params, body, db, reply }) => {
    assertFits(body, await jobOfGood(db, params.id))
    return sameOrNew(db, reply, { kind: 'generate', checkpointId: params.id, params: body })
  })
  register(app, 'exportCheckpoint', async ({ params, body, db, reply }) => {
    assertExportable(body, await jobOfGood(db, params.id))
    return sameOrNew(db, reply, { kind: 'export', checkpointId: params.id, params: body })
  })
  register(
    app,
    'downloadTaskOutput',
    async ({ params, db, request, reply }) => {
      const output = await taskOutput(db, params.id)
      const form = output && formOf(output.task)
      if (!output || !form) throw new AppError('not-found', `task ${params.id} has made nothing to download`)
      const file = { ...output, fileName: `${params.id}.${form.ending}`, mediaType: form.mediaType }
      return sendObject(store, file, request, reply)
    },
    { compress: false, exposeHeadRoute: false },
  )
  register(app, 'listTasks', ({ query, db }) => listTasks(db, query))
  register(app, 'getTask', async ({ params, db }) => {
    const task = await getTask(db, params.id)
    if (!task) throw new AppError('not-found', `there is no task ${params.id}; tasks go with their checkpoint`)
    return task
  })
  register(app, 'cancelTask', ({ params, db }) => cancelTask(db, params.id))
}

/** The job of a checkpoint that something can be made of. */
async function jobOfGood(db: Database, checkpointId: string): Promise<Job> {
  const { quarantined, jobId } = await existingCheckpoint(db, checkpointId)
  if (quarantined)
    throw new AppError(
      'not-found',
      `checkpoint ${checkpointId} was put aside: it is damaged, or a roll-back gave it up`,
    )
  return existingJob(db, jobId)
}

/** What was asked for before is not made twice. */
async function sameOrNew(db: Database, reply: FastifyReply, request: NewTask): Promise<Task> {
  const task = (await findSameTask(db, request)) ?? (await createTask(db, request))
  reply.header('location', `/tasks/${task.id}`)
  return task
}

/** How a task's output is called; null for those that make none. */
function formOf(task: Task): { ending: string; mediaType: string } | null {
  if (task.kind === 'generate') return { ending: task.params.as, mediaType: generatedMedia[task.params.as] }
  return task.kind === 'export' ? exportedMedia[task.params.format] : null
}

function assertExportable(request: ExportRequest, { spec }: Job): void {
  const { weights, format } = request
  const errors = averageMissing(weights, spec)
  if (spec.model.generator === 'shift' && format !== 'state-dict')
    errors.push({
      pointer: '/format',
      code: 'not-allowed',
      message: 'the generator shift, of Example 1, is no network that the format knows',
      hint: 'state-dict',
    })
  const { classes } = spec.model
  if (request.class !== undefined) errors.push(...classFaults([request.class], classes, () => '/class'))
  else if (classes !== undefined && format !== 'state-dict')
    errors.push({
      pointer: '/class',
      code: 'required',
      message: 'the generator is conditional: name the class to write down',
      hint: `from 0 to ${classes - 1}`,
    })
  if (errors.length > 0) throw validationFailed(errors)
}

const averageMissing = (weights: Generate['weights'], { generatorAverage }: Job['spec']): FieldError[] =>
  weights !== 'average' || generatorAverage
    ? []
    : [
        {
          pointer: '/weights',
          code: 'conflicting-options',
          message: 'the job kept no running mean of its generator (spec.generatorAverage)',
        },
      ]

/** Values of one answer at most: what is held in memory for it, four bytes each. */
const MAX_VALUES = 2 ** 26

function assertFits(request: Generate, { spec }: Job): void {
  const { from, weights, as, neighbours } = request
  const { latentSize, imageSize } = spec.model
  const most = Math.floor(MAX_VALUES / (imageSize ** 2 * 4))
  // With neighbours a picture holds them too.
  const images = numGenerated(request) * (1 + (neighbours ?? 0))
  const wrong = from.kind === 'latents' ? from.latents.findIndex((z) => z.length !== latentSize) : -1
  const errors: FieldError[] = [
    ...(wrong < 0
      ? []
      : [
          {
            pointer: `/from/latents/${wrong}`,
            code: 'incompatible-shape' as const,
            message: `must be ${latentSize} numbers, as many as the generator takes`,
          },
        ]),
    ...averageMissing(weights, spec),
    ...classFaults(request.classes ?? [], spec.model.classes, (i) => (i < 0 ? '/classes' : `/classes/${i}`)),
    ...(imageSize !== POINT_SIZE || as === 'npy'
      ? []
      : [{ pointer: '/as', code: 'not-allowed' as const, message: 'points have no pictures: ask for npy' }]),
    ...(imageSize !== POINT_SIZE || neighbours === undefined
      ? []
      : [
          {
            pointer: '/neighbours',
            code: 'not-allowed' as const,
            message: 'points are drawn from a law, not from images: leave it out',
          },
        ]),
    ...(images <= most
      ? []
      : [
          {
            pointer: '/from',
            code: 'out-of-range' as const,
            message: `at ${imageSize} pixels ${most} images at most${neighbours === undefined ? '' : ', neighbours counted in'}`,
          },
        ]),
  ]
  if (errors.length > 0) throw validationFailed(errors)
}

/** `pointerOf`: of one of them, or of all with −1. */
function classFaults(asked: number[], classes: number | undefined, pointerOf: (i: number) => string): FieldError[] {
  if (asked.length > 0 && classes === undefined) {
    const message = 'the job trained a generator that knows no classes (spec.model.classes)'
    return [{ pointer: pointerOf(-1), code: 'conflicting-options', message, hint: 'leave it out' }]
  }
  const wrong = asked.findIndex((one) => one >= (classes ?? Infinity))
  if (wrong < 0) return []
  const message = `the generator knows the classes 0 to ${classes! - 1}`
  return [{ pointer: pointerOf(wrong), code: 'out-of-range', message }]
}
