// Weights to start from: part of the route table.
import { z } from 'zod'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'
import { UploadWeightsQuery, Weights } from './weights.js'

export const weightsRoutes = {
  uploadWeights: {
    method: 'POST',
    path: '/weights',
    scope: 'submit',
    summary:
      'Upload weights to start jobs from: a safetensors file with the authors’ state_dict names after `netG.` and `netD.`; the same bytes again have the same id. With `holds=features` a network to measure by: a frozen TensorFlow graph, and by `input`, `output`, `size` and `range` how to use it',
    query: UploadWeightsQuery,
    upload: 'application/octet-stream',
    status: 201,
    reply: Weights,
  },
  listWeights: {
    method: 'GET',
    path: '/weights',
    scope: 'read',
    summary: 'Uploaded weights, newest first',
    query: z.strictObject({ limit: wholeNumber(1, 200).default(50), cursor: z.string().max(200).optional() }),
    status: 200,
    reply: z.object({ items: z.array(Weights), nextCursor: z.string().nullable() }),
  },
  deleteWeights: {
    method: 'DELETE',
    path: '/weights/:id',
    scope: 'submit',
    summary: 'Delete weights that no job starts from and nothing is to be measured by',
    params: z.strictObject({ id: z.uuid() }),
    status: 200,
    reply: z.object({ id: z.uuid(), deleted: z.literal(true) }),
  },
} as const satisfies Record<string, Route>
