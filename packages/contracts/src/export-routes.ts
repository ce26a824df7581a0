// Exports of checkpoints: part of the route table.
import { z } from 'zod'
import { ExportRequest } from './export.js'
import type { Route } from './routes.js'
import { Task } from './tasks.js'

export const exportRoutes = {
  exportCheckpoint: {
    method: 'POST',
    path: '/checkpoints/:id/export',
    scope: 'submit',
    summary:
      'Write a checkpoint’s generator as PyTorch state_dict, TF.js LayersModel, ONNX or SavedModel: a task; `/tasks/:id/output` has it',
    params: z.strictObject({ id: z.uuid() }),
    body: ExportRequest,
    status: 202,
    reply: Task,
  },
} as const satisfies Record<string, Route>
