import { isFinishedTask, type Job, type Scope, allows, isTerminal } from '@kantor/contracts'
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query'
import { api, IDLE, LIVE, sessionQuery, settled } from './api.js'

/** Whether this browser may do what needs the scope; false until it is known. */
export function useMay(scope: Scope): boolean {
  const { data } = useQuery(sessionQuery)
  return data !== undefined && allows(data.scope, scope)
}

/** One task, until it is over. */
export const taskQuery = (id: string) =>
  queryOptions({
    queryKey: ['task', id],
    queryFn: ({ signal }) => api().getTask({ params: { id }, signal }),
    refetchInterval: ({ state }) =>
      (state.data && isFinishedTask(state.data.state)) || settled(state.error) ? false : LIVE,
  })

/** The newest tasks on a job's checkpoints: polled while one of them is under way, or the job may queue evaluations by itself. */
export const tasksQuery = (job: Job) =>
  queryOptions({
    queryKey: ['tasks', job.id],
    queryFn: ({ signal }) => api().listTasks({ query: { jobId: job.id, limit: 50 }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      if (settled(state.error)) return false
      const underWay = state.data?.items.some((task) => !isFinishedTask(task.state)) ?? false
      return underWay || (!isTerminal(job.state) && job.spec.evaluation !== undefined) ? IDLE : false
    },
  })

/** What a task made; the bytes never change. */
export const taskOutputQuery = (id: string) =>
  queryOptions({
    queryKey: ['task output', id],
    queryFn: ({ signal }) => api().downloadTaskOutput({ params: { id }, signal }),
    staleTime: Infinity,
    gcTime: 60_000,
    structuralSharing: false,
  })

/** The figures of a job's checkpoints, latest step first: asked for anew when the curve has more of them than before. */
export const measurementsQuery = (id: string, numMeasured: number) =>
  queryOptions({
    queryKey: ['measurements', id, numMeasured],
    queryFn: ({ signal }) => api().listMetrics({ params: { id }, query: { limit: 200 }, signal }),
    enabled: numMeasured > 0,
    placeholderData: keepPreviousData,
  })
