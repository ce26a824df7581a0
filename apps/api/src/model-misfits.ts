import { type Dataset, type FieldError, type Model, POINT_SIZE } from '@kantor/contracts'

/** Where networks are built for images and the dataset holds points, or the other way round, or for other classes than it has labels. */
export const modelMisfits = (model: Model, dataset: Dataset): FieldError[] => [
  ...shapeMisfits(model, dataset),
  ...classMisfits(model, dataset),
]

function classMisfits({ classes }: Model, { id, labels }: Dataset): FieldError[] {
  if (classes === undefined || classes === labels.length) return []
  const fault = { pointer: '/spec/model/classes', code: 'conflicting-options' } as const
  if (labels.length >= 2)
    return [{ ...fault, message: `${id} has ${labels.length} labels`, hint: String(labels.length) }]
  const hint = 'leave classes out, or take a dataset with labels'
  return [{ ...fault, message: `${id} has no labels to tell classes by`, hint }]
}

function shapeMisfits(model: Model, dataset: Dataset): FieldError[] {
  const { imageSize, generator, latentSize } = model
  if (!dataset.law) {
    if (imageSize !== POINT_SIZE) return []
    return misfit(
      'imageSize',
      `1 is for datasets of points, and ${dataset.id} holds images`,
      '64, as the authors take it',
    )
  }
  if (imageSize !== POINT_SIZE) {
    const hint = `${POINT_SIZE}, with generator and critic "mlp"`
    return misfit('imageSize', `${dataset.id} holds points, which have no pixels`, hint)
  }
  if (generator !== 'shift' || latentSize <= dataset.channels) return []
  const message = `shift turns each latent into a coordinate, and the points of ${dataset.id} have ${dataset.channels}`
  return misfit('latentSize', message, `at most ${dataset.channels}`)
}

const misfit = (key: keyof Model, message: string, hint: string): FieldError[] => [
  { pointer: `/spec/model/${key}`, code: 'incompatible-shape', message, hint },
]
