// Datasets and their imports: part of the route table.
import { z } from 'zod'
import { DatasetImport, ImportDataset, UploadQuery } from './dataset-imports.js'
import { Dataset, DatasetId, DatasetStatistics } from './datasets.js'
import type { Route } from './routes.js'

const OfDataset = z.strictObject({ id: DatasetId })
const version = z.string().regex(/^[0-9a-f]{16}$/, { message: 'must be a version: 16 hexadecimal digits' })

/** With what is known of its images; null for points, and for what was imported before it was measured. */
export const DatasetDetail = Dataset.extend({ statistics: DatasetStatistics.nullable(), hasPreview: z.boolean() }).meta(
  {
    id: 'DatasetDetail',
  },
)
export type DatasetDetail = z.infer<typeof DatasetDetail>

export const datasetRoutes = {
  listDatasets: {
    method: 'GET',
    path: '/datasets',
    scope: 'read',
    summary: 'The newest version of every dataset',
    status: 200,
    reply: z.object({ items: z.array(Dataset) }),
  },
  importDataset: {
    method: 'POST',
    path: '/datasets',
    scope: 'submit',
    summary:
      'Import images that lie on the API’s machine below an allowed folder, or in a bucket below an allowed prefix',
    body: ImportDataset,
    status: 202,
    reply: DatasetImport,
  },
  uploadDataset: {
    method: 'POST',
    path: '/datasets/:id/upload',
    scope: 'submit',
    summary: 'Import a ZIP, tar, IDX or CIFAR file: the body is the file',
    params: OfDataset,
    query: UploadQuery,
    upload: 'application/octet-stream',
    status: 202,
    reply: DatasetImport,
  },
  getDataset: {
    method: 'GET',
    path: '/datasets/:id',
    scope: 'read',
    summary: 'A dataset’s newest version, or the one that `version` names, with statistics of its images',
    params: OfDataset,
    query: z.strictObject({ version: version.optional() }),
    status: 200,
    reply: DatasetDetail,
  },
  listDatasetVersions: {
    method: 'GET',
    path: '/datasets/:id/versions',
    scope: 'read',
    summary: 'Every version of a dataset, newest first; a version is its content’s hash',
    params: OfDataset,
    status: 200,
    reply: z.object({ items: z.array(Dataset) }),
  },
  previewDataset: {
    method: 'GET',
    path: '/datasets/:id/preview',
    scope: 'read',
    summary: 'A PNG of 64 of a version’s images',
    params: OfDataset,
    query: z.strictObject({ version: version.optional() }),
    status: 200,
    reply: 'image/png',
  },
  listImports: {
    method: 'GET',
    path: '/datasets/:id/imports',
    scope: 'read',
    summary: 'The newest hundred imports of a dataset',
    params: OfDataset,
    status: 200,
    reply: z.object({ items: z.array(DatasetImport) }),
  },
  getImport: {
    method: 'GET',
    path: '/imports/:id',
    scope: 'read',
    summary: 'One import: how far it is, what it made, or why it failed',
    params: z.strictObject({ id: z.uuid() }),
    status: 200,
    reply: DatasetImport,
  },
} as const satisfies Record<string, Route>
