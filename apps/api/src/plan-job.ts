import {
  type CreateJob,
  criticStepsOf,
  type Estimate,
  estimateMemory,
  type JobPlan,
  type JobSpec,
  networkCosts,
  operationsOf,
  operationsPerGeneratorStep,
  roughBudget,
  storageOf,
  type SweepPlan,
} from '@kantor/contracts'
import {
  type Database,
  type DeviceClass,
  listWorkers,
  type MeasuredAttempt,
  measuredAttempts,
  whyItWouldWait,
} from '@kantor/db'
import { limitOf } from './device-limit.js'
import { measureSpeed, type Speed } from './measure-speed.js'
import { type Resolved, resolveJobs, type Submitter } from './resolve-jobs.js'

/** What `submitJobs` would store, and what would come of it; writes nothing. AppError as `resolveJobs`. */
export async function planJob(db: Database, body: CreateJob, by: Submitter): Promise<JobPlan> {
  const [resolved] = (await resolveJobs(db, [{ body, pointer: '' }], by)) as [Resolved]
  const { job, lint } = resolved.job
  const { priority, spec } = job
  return {
    spec,
    preset: body.preset ?? null,
    startFrom: job.startFrom ?? null,
    lint,
    estimate: await estimateJob(db, resolved, by),
    waiting: await whyItWouldWait(db, { device: spec.device, priority, keyId: by.keyId ?? null }),
  }
}

/** Devices of a class, and what earlier attempts on them tell of their speed. */
interface Devices {
  deviceClass: DeviceClass
  attempts: MeasuredAttempt[]
}

async function estimateJob(db: Database, resolved: Resolved, by: Submitter): Promise<Estimate> {
  const { spec } = resolved.job.job
  const { channels } = resolved.dataset
  const { generator, critic } = networkCosts(spec.model, channels)
  const devices = await devicesFor(db, spec.device)
  const { work, storage, duration } = forecast(resolved, devices)
  return {
    deviceClass: devices.deviceClass,
    parameters: { generator: generator.weights, critic: critic.weights },
    steps: work ? { generator: work.generator, critic: work.critic } : { generator: null, critic: null },
    operations: {
      perGeneratorStep: operationsPerGeneratorStep(spec, channels),
      total: work?.operations ?? null,
    },
    memory: { ...estimateMemory(spec, channels), limit: limitOf(spec.device, await by.limits()) },
    storage,
    duration,
  }
}

const plus = (sum: number | null, more: number | null | undefined) =>
  sum === null || more === null || more === undefined ? null : sum + more

/** What many jobs come to together; null where of one of them nothing is known. */
export async function estimateTogether(db: Database, all: readonly Resolved[]): Promise<SweepPlan['estimate']> {
  const classes = new Map<string, Devices>()
  const sums: SweepPlan['estimate'] = { operations: 0, deviceSeconds: 0, storageBytes: 0 }
  for (const resolved of all) {
    const { device } = resolved.job.job.spec
    const devices = classes.get(device) ?? (await devicesFor(db, device))
    classes.set(device, devices)
    const { work, storage, duration } = forecast(resolved, devices)
    sums.operations = plus(sums.operations, work?.operations)
    sums.deviceSeconds = plus(sums.deviceSeconds, duration.seconds)
    sums.storageBytes = plus(sums.storageBytes, storage?.bytes)
  }
  return sums
}

function forecast(resolved: Resolved, { attempts }: Devices) {
  const { spec } = resolved.job.job
  const { channels } = resolved.dataset
  const speed = measureSpeed(attempts, { spec, channels })
  const work = workOf(resolved, speed)
  const parts = work && storageOf(spec, channels, work.generator)
  const storage = parts && { bytes: parts.curve + parts.samples + parts.checkpoints, parts }
  return { work, storage, duration: durationOf(work, spec.budget, speed) }
}

/** A job that takes any device is reckoned for the class that has workers, a GPU before a CPU. */
async function devicesFor(db: Database, device: JobSpec['device']): Promise<Devices> {
  const deviceClass = device === 'any' ? await classAtWork(db) : device
  return { deviceClass, attempts: await measuredAttempts(db, deviceClass) }
}

async function classAtWork(db: Database): Promise<DeviceClass> {
  const workers = await listWorkers(db)
  return workers.some(({ deviceClass, state }) => deviceClass === 'gpu' && state === 'online') ? 'gpu' : 'cpu'
}

interface Work {
  generator: number
  critic: number
  operations: number
  /** Its seconds end it before its steps or epochs do. */
  endsBySeconds: boolean
}

/** Updates and operations from where it starts to the end of its budget; null where only seconds bound it and no speed is known. */
function workOf({ job: { job }, dataset, fromStep }: Resolved, speed: Speed | null): Work | null {
  const { spec } = job
  const { criticStep, generatorStep } = operationsOf(spec, dataset.channels)
  const doneBefore = criticStepsOf(spec, dataset.numImages, fromStep)
  const work = (toStep: number, criticSteps: number, endsBySeconds = false): Work => {
    const [generator, critic] = [Math.max(0, toStep - fromStep), Math.max(0, criticSteps - doneBefore)]
    return { generator, critic, operations: critic * criticStep + generator * generatorStep, endsBySeconds }
  }
  const plan = roughBudget(spec, dataset.numImages)
  const whole = plan.steps === null ? null : work(plan.steps, plan.criticSteps)
  const { seconds } = spec.budget
  if (seconds === undefined || !speed) return whole
  const affordable = seconds * speed.operationsPerSecond
  if (whole && whole.operations <= affordable) return whole
  const upTo = (step: number) => work(step, criticStepsOf(spec, dataset.numImages, step), true)
  return upTo(lastStep((step) => upTo(step).operations <= affordable, fromStep))
}

/** The last step from `first` on that is affordable, by bisection. */
function lastStep(isAffordable: (step: number) => boolean, first: number): number {
  let [low, high] = [first, first + 1]
  while (isAffordable(high)) [low, high] = [high, first + 2 * (high - first)]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isAffordable(middle)) low = middle
    else high = middle
  }
  return low
}

function durationOf(
  work: Work | null,
  { seconds: most }: JobSpec['budget'],
  speed: Speed | null,
): Estimate['duration'] {
  if (work && speed && !work.endsBySeconds) {
    const { attempts, alike, operationsPerSecond, slowest, fastest } = speed
    const within = (rate: number) => Math.min(work.operations / rate, most ?? Infinity)
    return {
      seconds: within(operationsPerSecond),
      basis: { of: 'attempts', attempts, alike, operationsPerSecond, range: [within(fastest), within(slowest)] },
    }
  }
  return most === undefined ? { seconds: null, basis: null } : { seconds: most, basis: { of: 'budget' } }
}
