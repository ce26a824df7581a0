import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router'
import { AlertsPage } from './alerts/alerts-page.js'
import { DatasetPage } from './datasets/dataset-page.js'
import { DatasetsPage } from './datasets/datasets-page.js'
import { NotFound } from './frame/notices.js'
import { Shell } from './frame/shell.js'
import { JobPage } from './job/job-page.js'
import { JobsPage } from './jobs/jobs-page.js'
import { parseGroups } from './jobs/state-groups.js'
import { SweepPage } from './sweep/sweep-page.js'
import { SweepsPage } from './sweeps/sweeps-page.js'
import { WeightsPage } from './weights/weights-page.js'
import { WorkersPage } from './workers/workers-page.js'

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })

const jobs = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (search: Record<string, unknown>): { show?: string; archived?: true } => ({
    ...parseGroups(search['show']),
    ...(search['archived'] === true && { archived: true }),
  }),
  component: JobsPage,
})

const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$jobId',
  component: function KeyedJobPage() {
    const { jobId } = job.useParams()
    // A new job is a new page: no curve, zoom or slider position is carried over.
    return <JobPage key={jobId} jobId={jobId} />
  },
})

const sweeps = createRoute({ getParentRoute: () => root, path: '/sweeps', component: SweepsPage })

const sweep = createRoute({
  getParentRoute: () => root,
  path: '/sweeps/$sweepId',
  component: function KeyedSweepPage() {
    const { sweepId } = sweep.useParams()
    return <SweepPage key={sweepId} sweepId={sweepId} />
  },
})

const workers = createRoute({ getParentRoute: () => root, path: '/workers', component: WorkersPage })

const alerts = createRoute({ getParentRoute: () => root, path: '/alerts', component: AlertsPage })

const weights = createRoute({ getParentRoute: () => root, path: '/weights', component: WeightsPage })

const datasets = createRoute({ getParentRoute: () => root, path: '/datasets', component: DatasetsPage })

const dataset = createRoute({
  getParentRoute: () => root,
  path: '/datasets/$datasetId',
  validateSearch: (search: Record<string, unknown>): { version?: string } =>
    typeof search['version'] === 'string' ? { version: search['version'] } : {},
  component: function KeyedDatasetPage() {
    const { datasetId } = dataset.useParams()
    return <DatasetPage key={datasetId} id={datasetId} version={dataset.useSearch().version} />
  },
})

export const router = createRouter({
  routeTree: root.addChildren([jobs, job, sweeps, sweep, datasets, dataset, weights, alerts, workers]),
  basepath: '/ui',
  scrollRestoration: true,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
