import { type Client, ClientError, createClient, mergeCurve } from '@kantor/client'
import { type CurveReply, type CurveSeriesName, isTerminal, type Job, type JobState } from '@kantor/contracts'
import {
  infiniteQueryOptions,
  keepPreviousData,
  MutationCache,
  QueryCache,
  QueryClient,
  queryOptions,
} from '@tanstack/react-query'
import { noteAnswer, noteError } from './session.js'

/** Milliseconds between polls of something that still changes, and of something that may. */
export const LIVE = 1500
export const IDLE = 5000

const client = createClient({ url: '' })

/** The page is served by the API, so its own origin answers; the session's cookie goes with every request by itself. */
export const api = (): Client => client

export const queries = new QueryClient({
  queryCache: new QueryCache({ onSuccess: noteAnswer, onError: noteError }),
  mutationCache: new MutationCache({ onError: noteError }),
  defaultOptions: {
    // Polling is the retry. The API may sit on this very machine, so `navigator.onLine` says nothing about it.
    queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: true, staleTime: 1000 },
    mutations: { retry: false, networkMode: 'always' },
  },
})

/** Who this browser is to the API. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => api().getSession({ signal }),
  staleTime: Infinity,
})

/** An answer that will not change by asking again: stop polling. */
export const settled = (error: unknown) => error instanceof ClientError && !error.transient && error.status !== 500

export const jobsQuery = (states: readonly JobState[], archived: boolean) =>
  infiniteQueryOptions({
    queryKey: ['jobs', states, archived],
    queryFn: ({ pageParam, signal }) =>
      api().listJobs({
        query: {
          limit: '50',
          archived: archived ? 'true' : 'false',
          ...(states.length > 0 && { state: states }),
          ...(pageParam && { cursor: pageParam }),
        },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      if (settled(state.error)) return false
      const pages = state.data?.pages ?? []
      const alive = pages.some(({ items }) => items.some((job) => !isTerminal(job.state)))
      // Every page is asked for again, so a reader who went far back asks less often.
      return (alive ? LIVE : IDLE) * Math.max(1, pages.length)
    },
  })

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: ({ signal }) => api().getJob({ params: { id }, signal }),
    refetchInterval: ({ state }) => {
      if (settled(state.error)) return false
      return state.data && isTerminal(state.data.state) ? false : LIVE
    },
  })

export const workersQuery = queryOptions({
  queryKey: ['workers'],
  queryFn: ({ signal }) => api().listWorkers({ signal }),
  refetchInterval: ({ state }) => (settled(state.error) ? false : IDLE),
})

export const datasetsQuery = queryOptions({
  queryKey: ['datasets'],
  queryFn: ({ signal }) => api().listDatasets({ signal }),
  refetchInterval: ({ state }) => (settled(state.error) ? false : IDLE),
})

/** The newest version, or the one that is named. */
export const datasetQuery = (id: string, version: string | undefined) =>
  queryOptions({
    queryKey: ['dataset', id, version ?? null],
    queryFn: ({ signal }) => api().getDataset({ params: { id }, query: { ...(version && { version }) }, signal }),
    placeholderData: keepPreviousData,
  })

export const datasetVersionsQuery = (id: string) =>
  queryOptions({
    queryKey: ['dataset-versions', id],
    queryFn: ({ signal }) => api().listDatasetVersions({ params: { id }, signal }),
  })

/** A version never changes, and neither does its picture. */
export const previewBytesQuery = (id: string, version: string) =>
  queryOptions({
    queryKey: ['dataset-preview', id, version],
    queryFn: ({ signal }) => api().previewDataset({ params: { id }, query: { version }, signal }),
    staleTime: Infinity,
    structuralSharing: false,
  })

export const weightsQuery = infiniteQueryOptions({
  queryKey: ['weights'],
  queryFn: ({ pageParam, signal }) =>
    api().listWeights({ query: { limit: 50, ...(pageParam && { cursor: pageParam }) }, signal }),
  initialPageParam: '',
  getNextPageParam: (page) => page.nextCursor,
})

/** The newest imports of a dataset: polled while one of them is under way. */
export const importsQuery = (id: string) =>
  queryOptions({
    queryKey: ['imports', id],
    queryFn: ({ signal }) => api().listImports({ params: { id }, signal }),
    refetchInterval: ({ state }) => {
      const underWay = state.data?.items.some((one) => one.finishedAt === null) ?? false
      return underWay && !settled(state.error) ? LIVE : false
    },
  })

export const sweepsQuery = infiniteQueryOptions({
  queryKey: ['sweeps'],
  queryFn: ({ pageParam, signal }) =>
    api().listSweeps({ query: { limit: '50', ...(pageParam && { cursor: pageParam }) }, signal }),
  initialPageParam: '',
  getNextPageParam: (page) => page.nextCursor,
  placeholderData: keepPreviousData,
  refetchInterval: ({ state }) => {
    if (settled(state.error)) return false
    const pages = state.data?.pages ?? []
    const alive = pages.some(({ items }) => items.some((sweep) => sweep.state !== 'finished'))
    return (alive ? 2 * LIVE : IDLE) * Math.max(1, pages.length)
  },
})

export const sweepQuery = (id: string) =>
  queryOptions({
    queryKey: ['sweep', id],
    queryFn: ({ signal }) => api().getSweep({ params: { id }, signal }),
    refetchInterval: ({ state }) => (state.data?.state === 'finished' || settled(state.error) ? false : 2 * LIVE),
  })

/** All of them: a sweep has 1000 at most. */
export const trialsQuery = (id: string) =>
  queryOptions({
    queryKey: ['trials', id],
    queryFn: ({ signal }) => api().listTrials({ params: { id }, query: { limit: 1000 }, signal }),
    refetchInterval: ({ state }) => {
      const over = state.data?.items.every((trial) => isTerminal(trial.state)) ?? false
      return over || settled(state.error) ? false : 2 * LIVE
    },
  })

export interface TrialCurvesView {
  /** Up to 100, of one scale. */
  jobIds: string[]
  /** Generator steps, both included; null shows all of them. */
  range: { from: number; to: number } | null
  /** Some of them still grow. */
  live: boolean
}

export const trialCurvesQuery = ({ jobIds, range, live }: TrialCurvesView) =>
  queryOptions({
    queryKey: ['trial curves', jobIds.toSorted().join(' '), range?.from ?? null, range?.to ?? null, live],
    queryFn: ({ signal }) =>
      api().queryCurves({ body: { jobIds, smooth: 'median:101', maxPoints: 500, ...range }, signal }),
    enabled: jobIds.length > 0,
    // A deep comparison of thousands of numbers would cost more than the drawing.
    structuralSharing: false,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (live && !settled(state.error) ? IDLE : false),
  })

export interface CurveView {
  id: string
  metrics: readonly CurveSeriesName[]
  /** Generator steps, both included; null shows the whole curve. */
  range: { from: number; to: number } | null
  /** Buckets per series at most, without the median filter: for charts of some hundred pixels. */
  coarse?: number
}

/** The curve by cursor: each poll asks for what changed since the last one and lays it over what is held. */
export function curveQuery({ id, metrics, range, coarse }: CurveView) {
  const queryKey = ['curve', id, metrics.join(','), range?.from ?? null, range?.to ?? null] as const
  const detail = coarse === undefined ? { smooth: 'median:101', maxPoints: 1000 } : { maxPoints: coarse }
  return queryOptions({
    queryKey,
    queryFn: async ({ signal }): Promise<CurveReply> => {
      const before = queries.getQueryData<CurveReply>(queryKey)
      const cursor = before && { sinceSeq: before.seq, resolution: before.resolution }
      const query = { metrics, ...detail, ...range, ...cursor }
      return mergeCurve(before ?? null, await api().getCurve({ params: { id }, query, signal }))
    },
    // A deep comparison of thousands of numbers would cost more than the drawing.
    structuralSharing: false,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      if (state.data?.complete || settled(state.error)) return false
      return coarse === undefined ? LIVE : IDLE
    },
  })
}

/** Lists that grow with the job: polled while it lives, and once more when it ends. */
const whileAlive = (job: Job) => (isTerminal(job.state) ? false : 2 * LIVE)

export const eventsQuery = (job: Job) =>
  queryOptions({
    queryKey: ['events', job.id, job.state],
    queryFn: ({ signal }) => api().listEvents({ params: { id: job.id }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: whileAlive(job),
  })

export const attemptsQuery = (job: Job) =>
  queryOptions({
    queryKey: ['attempts', job.id, job.state],
    queryFn: ({ signal }) => api().listAttempts({ params: { id: job.id }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: whileAlive(job),
  })

export const samplesQuery = (job: Job) =>
  infiniteQueryOptions({
    queryKey: ['samples', job.id, job.state],
    queryFn: ({ pageParam, signal }) =>
      api().listSamples({
        params: { id: job.id },
        query: { limit: '200', ...(pageParam && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: whileAlive(job),
  })

export const checkpointsQuery = (job: Job) =>
  queryOptions({
    queryKey: ['checkpoints', job.id, job.state],
    queryFn: ({ signal }) => api().listCheckpoints({ params: { id: job.id }, query: { limit: '200' }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: whileAlive(job),
  })

/** The newest lines of a job's log; with `search` only those that hold it. */
export const logsQuery = (job: Job, search: string) =>
  queryOptions({
    queryKey: ['logs', job.id, job.state, search],
    queryFn: ({ signal }) =>
      api().getLogs({ params: { id: job.id }, query: { tail: 200, ...(search !== '' && { q: search }) }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval: whileAlive(job),
  })

/** A failed job changes no more, and neither does its dossier. */
export const dossierQuery = (job: Job) =>
  queryOptions({
    queryKey: ['dossier', job.id],
    queryFn: ({ signal }) => api().getDossier({ params: { id: job.id }, signal }),
    staleTime: Infinity,
  })

/** The bytes of a grid; they never change. */
export const sampleBytesQuery = (id: string) =>
  queryOptions({
    queryKey: ['sample', id],
    queryFn: ({ signal }) => api().downloadSample({ params: { id }, signal }),
    staleTime: Infinity,
    gcTime: 60_000,
    structuralSharing: false,
  })

/** What to tell a person about an error. */
export const explain = (error: unknown): string => {
  if (error instanceof ClientError) return error.detail
  return error instanceof Error ? error.message : String(error)
}
