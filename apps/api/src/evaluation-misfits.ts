import { type Dataset, type EvaluationRequest, type FieldError, metricsFor } from '@kantor/contracts'

/** What cannot be measured on this dataset: nothing of points, and without labels nothing that takes a classifier. `pointer`: the request's. */
export function evaluationMisfits(
  { metrics = [] }: Pick<EvaluationRequest, 'metrics'>,
  dataset: Pick<Dataset, 'id' | 'labels' | 'law'>,
  pointer: string,
): FieldError[] {
  const code = 'conflicting-options'
  if (dataset.law !== null) {
    const message = `${dataset.id} is a dataset of points; quality is measured of images`
    return [{ pointer, code, message, hint: 'leave evaluation out' }]
  }
  const possible = metricsFor(dataset)
  return metrics.flatMap((name, i): FieldError[] => {
    if (possible.includes(name)) return []
    const message = `${name} needs a classifier, and the dataset ${dataset.id} has no labels to train one on`
    return [{ pointer: `${pointer}/metrics/${i}`, code, message, hint: `possible here: ${possible.join(', ')}` }]
  })
}
