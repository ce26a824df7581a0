import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, IDLE, settled } from './api.js'

/** Rules and addresses change by hand, what they found and were told by jobs. */
const slowly = ({ state }: { state: { error: unknown } }) => (settled(state.error) ? false : 3 * IDLE)

export const alertRulesQuery = queryOptions({
  queryKey: ['alert rules'],
  queryFn: ({ signal }) => api().listAlertRules({ signal }),
  refetchInterval: slowly,
})

/** The newest alerts of a rule. */
export const alertsQuery = (id: string) =>
  queryOptions({
    queryKey: ['alerts', id],
    queryFn: ({ signal }) => api().listAlerts({ params: { id }, query: { limit: 5 }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: slowly,
  })

export const webhooksQuery = queryOptions({
  queryKey: ['webhooks'],
  queryFn: ({ signal }) => api().listWebhooks({ signal }),
  refetchInterval: slowly,
})

/** The newest delivery to a webhook. */
export const deliveriesQuery = (id: string) =>
  queryOptions({
    queryKey: ['deliveries', id],
    queryFn: ({ signal }) => api().listDeliveries({ params: { id }, query: { limit: 1 }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: slowly,
  })
