import { z } from 'zod'

/**
 * A generator in the formats of others. `state-dict`: safetensors under the authors' names, as `load_state_dict` takes them · `layers-model`:
 * TensorFlow.js, `model.json` and its weights · `onnx` · `saved-model`: TensorFlow, with the signature `serving_default`.
 */
export const ExportFormat = z.enum(['state-dict', 'layers-model', 'onnx', 'saved-model']).meta({ id: 'ExportFormat' })
export type ExportFormat = z.infer<typeof ExportFormat>

/**
 * Metadata of a safetensors file in which names have no `netG.` or `netD.` before them: the network that they are of, `generator` or `critic`. An
 * exported state_dict has it, so that it can be uploaded as weights as it is.
 */
export const NETWORK_KEY = 'kantor.network'

/** Formats that can write down batch norm by the statistics of the batch at hand; the others know running ones only. */
const openToBatch: readonly ExportFormat[] = ['onnx', 'saved-model']

export const ExportRequest = z
  .strictObject({
    format: ExportFormat,
    /**
     * Where batch norm takes its statistics from: `running`, those gathered in training, so that an image is its own; `batch`, the images of
     * one call, as the authors sample.
     */
    batchNorm: z.enum(['running', 'batch']).default('running'),
    /** `average` is the running mean of a job with `generatorAverage`. Without this key: the average where there is one. */
    weights: z.enum(['generator', 'average']).optional(),
    /** Of a conditional generator (`model.classes`): the class that is written down, as a network of its own. A `state-dict` holds all of them. */
    class: z.int().min(0).max(999).optional(),
  })
  .refine(({ format, batchNorm }) => batchNorm === 'running' || openToBatch.includes(format), {
    path: ['batchNorm'],
    message: `"batch" can be written as ${openToBatch.join(' or ')} only: ask for "running", or for one of these`,
    params: { code: 'conflicting-options' },
  })
  .refine((request) => request.class === undefined || request.format !== 'state-dict', {
    path: ['class'],
    message: 'a state_dict holds every class: leave class out, or ask for another format',
    params: { code: 'conflicting-options' },
  })
  .meta({ id: 'ExportRequest' })
export type ExportRequest = z.infer<typeof ExportRequest>

/** What a download is called, and its media type. */
export const exportedMedia = {
  'state-dict': { ending: 'safetensors', mediaType: 'application/octet-stream' },
  'layers-model': { ending: 'zip', mediaType: 'application/zip' },
  onnx: { ending: 'onnx', mediaType: 'application/octet-stream' },
  'saved-model': { ending: 'zip', mediaType: 'application/zip' },
} as const satisfies Record<ExportFormat, { ending: string; mediaType: string }>

/** What was written. Latents [n, latentSize] go in, images [n, imageSize, imageSize, channels] come out; in ONNX the channels lie before height and width. */
export const Exported = z
  .object({
    latentSize: z.int(),
    imageSize: z.int(),
    channels: z.int(),
    weights: z.enum(['generator', 'average']),
    sizeBytes: z.int(),
    sha256: z.string(),
    /** Path of the bytes. */
    url: z.string(),
  })
  .meta({ id: 'Exported' })
export type Exported = z.infer<typeof Exported>
