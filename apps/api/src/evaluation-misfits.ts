import {
  type Dataset,
  type EvaluationRequest,
  type FieldError,
  type JobSpec,
  metricCatalogue,
  metricsFor,
} from '@kantor/contracts'
import type { StoredWeights } from '@kantor/db'

/** What an evaluation is to be of, and by. */
export interface Measured {
  dataset: Pick<Dataset, 'id' | 'labels' | 'law'>
  spec: Pick<JobSpec, 'generatorAverage'>
  /** The uploaded weights that the request names; null when there are none such. */
  extractor: StoredWeights | null
}

/**
 * What cannot be measured so: nothing of points, without labels nothing that takes a classifier, without an uploaded network nothing that takes
 * one, and no running mean that was not kept. `pointer`: the request's.
 */
export function evaluationMisfits(
  { metrics = [], extractor: id, weights }: Pick<EvaluationRequest, 'metrics' | 'extractor' | 'weights'>,
  { dataset, spec, extractor }: Measured,
  pointer: string,
): FieldError[] {
  const code = 'conflicting-options'
  if (dataset.law !== null) {
    const message = `${dataset.id} is a dataset of points; quality is measured of images`
    return [{ pointer, code, message, hint: 'leave evaluation out' }]
  }
  const errors: FieldError[] = []
  if (weights === 'average' && !spec.generatorAverage) {
    const message = 'the job keeps no running mean of its generator (spec.generatorAverage)'
    errors.push({ pointer: `${pointer}/weights`, code, message })
  }
  if (id !== undefined && !extractor?.features) {
    const message = extractor ? `the weights ${id} are to start from, not to measure by` : `there are no weights ${id}`
    const hint = 'POST /weights?holds=features uploads a network'
    errors.push({ pointer: `${pointer}/extractor`, code: 'weights-not-found', message, hint })
  }
  const possible = metricsFor(dataset, id)
  for (const [i, name] of metrics.entries()) {
    if (possible.includes(name)) continue
    const message =
      metricCatalogue[name].features === 'uploaded'
        ? `${name} needs a network of your own: name it by extractor`
        : `${name} needs a classifier, and the dataset ${dataset.id} has no labels to train one on`
    errors.push({ pointer: `${pointer}/metrics/${i}`, code, message, hint: `possible here: ${possible.join(', ')}` })
  }
  return errors
}
