// Samples of jobs on synthetic points: part of the route table.
import { z } from 'zod'
import { SamplePoints } from './artifacts.js'
import type { Route } from './routes.js'

export const pointRoutes = {
  getSamplePoints: {
    method: 'GET',
    path: '/samples/:id/points',
    scope: 'read',
    summary: 'The generated points of a sample of a job on points; 404 for a sample of images',
    params: z.strictObject({ id: z.uuid() }),
    status: 200,
    reply: SamplePoints,
  },
} as const satisfies Record<string, Route>
