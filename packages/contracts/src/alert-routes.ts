// Rules that watch jobs: part of the route table.
import { z } from 'zod'
import { Alert, AlertRule, CreateAlertRule, PatchAlertRule } from './alerts.js'
import type { Route } from './routes.js'
import { wholeNumber } from './strings.js'

const Id = z.strictObject({ id: z.uuid() })

export const alertRoutes = {
  listAlertRules: {
    method: 'GET',
    path: '/alert-rules',
    scope: 'read',
    summary: 'Every alert rule, oldest first',
    status: 200,
    reply: z.object({ items: z.array(AlertRule) }),
  },
  createAlertRule: {
    method: 'POST',
    path: '/alert-rules',
    scope: 'submit',
    summary: 'Watch all jobs for a threshold, a change, an end or a standstill',
    body: CreateAlertRule,
    status: 201,
    reply: AlertRule,
  },
  patchAlertRule: {
    method: 'PATCH',
    path: '/alert-rules/:id',
    scope: 'submit',
    summary: 'Change an alert rule, or switch it off and on; jobs that it has told of stay told',
    params: Id,
    body: PatchAlertRule,
    status: 200,
    reply: AlertRule,
  },
  deleteAlertRule: {
    method: 'DELETE',
    path: '/alert-rules/:id',
    scope: 'submit',
    summary: 'Delete an alert rule with its alerts',
    params: Id,
    status: 200,
    reply: z.object({ id: z.uuid(), deleted: z.literal(true) }),
  },
  listAlerts: {
    method: 'GET',
    path: '/alert-rules/:id/alerts',
    scope: 'read',
    summary: 'The newest alerts of a rule',
    params: Id,
    query: z.strictObject({ limit: wholeNumber(1, 200).default(50) }),
    status: 200,
    reply: z.object({ items: z.array(Alert) }),
  },
} as const satisfies Record<string, Route>
