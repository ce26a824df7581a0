import { Skeleton } from '@mantine/core'
import type { DatasetDetail } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { datasetQuery, previewBytesQuery } from '../api.js'
import { count } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { Failure, Section } from '../frame/notices.js'
import head from '../job/job-head.module.css'
import { useObjectUrl } from '../use-object-url.js'
import styles from './dataset-page.module.css'
import { Imports } from './imports.js'
import { Classes, LeftOut, Statistics } from './statistics.js'
import { Versions } from './versions.js'

/** One version of a dataset: what its images look like, what they are like in numbers, what was left out; and all versions and imports. */
export function DatasetPage({ id, version }: { id: string; version: string | undefined }) {
  const dataset = useQuery(datasetQuery(id, version))
  useEffect(() => {
    document.title = `${id} · Kantor`
  }, [id])
  if (dataset.isPending) return <Skeleton h={260} aria-label="Loading the dataset" />
  return (
    <div className={styles['page']}>
      <header className={head['head']}>
        <nav aria-label="Where this is" className={head['trail']}>
          <Link to="/datasets">Datasets</Link>
          {dataset.data && (
            <>
              <span aria-hidden>/</span>
              <Copyable value={`${id}@${dataset.data.version}`} short={dataset.data.version} name="version" />
            </>
          )}
        </nav>
        <div className={head['line']}>
          <h1>{id}</h1>
        </div>
        {dataset.data && (
          <p className={head['reason']}>
            {version === undefined ? 'The newest version' : 'One version of it'}, from {dataset.data.source}
          </p>
        )}
      </header>
      {dataset.data ? (
        <Described dataset={dataset.data} />
      ) : (
        // An import that failed makes no dataset: why stands below.
        <Failure error={dataset.error} retry={() => void dataset.refetch()} />
      )}
      {dataset.data && <Versions id={id} shown={dataset.data.version} />}
      <Imports id={id} />
    </div>
  )
}

/** Images of a preview, at most. */
const PREVIEWED = 64

function Described({ dataset }: { dataset: DatasetDetail }) {
  const { law, channels, numImages, statistics } = dataset
  return (
    <>
      <div className={styles['columns']}>
        {dataset.hasPreview && (
          <Section
            title="Images"
            aside={<span className="faded">{count(Math.min(PREVIEWED, numImages))}, drawn by lot</span>}
          >
            <Preview dataset={dataset} />
          </Section>
        )}
        <div className={styles['column']}>
          <Section
            title={law ? 'Points' : 'Statistics'}
            aside={
              <span className="faded">
                {law ? `${count(numImages)} of ${channels} coordinates` : `${count(numImages)} images`}
              </span>
            }
          >
            <Statistics dataset={dataset} />
          </Section>
          {statistics && dataset.labels.length > 0 && <Classes labels={dataset.labels} statistics={statistics} />}
        </div>
      </div>
      {statistics && statistics.skipped.count > 0 && <LeftOut skipped={statistics.skipped} />}
    </>
  )
}

function Preview({ dataset: { id, version, numImages } }: { dataset: DatasetDetail }) {
  const preview = useQuery(previewBytesQuery(id, version))
  const url = useObjectUrl(preview.data, 'image/png')
  if (preview.isError) return <Failure error={preview.error} retry={() => void preview.refetch()} />
  return (
    <div className={styles['preview']}>
      {url === undefined ? (
        <Skeleton h={300} aria-label="Loading the preview" />
      ) : (
        <img src={url} alt={`${Math.min(PREVIEWED, numImages)} images of ${id}, drawn by lot`} />
      )}
    </div>
  )
}
