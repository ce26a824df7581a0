import { Skeleton } from '@mantine/core'
import type { DatasetDetail } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { datasetQuery, datasetVersionsQuery, previewBytesQuery } from '../api.js'
import { bytes, count, moment } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { Failure, Section } from '../frame/notices.js'
import records from '../job/records.module.css'
import { useObjectUrl } from '../use-object-url.js'
import styles from './dataset-page.module.css'

/** One dataset: what its newest images look like, what they are like in numbers, and its versions. */
export function DatasetPage({ id }: { id: string }) {
  const dataset = useQuery(datasetQuery(id))
  useEffect(() => {
    document.title = `${id} · Kantor`
  }, [id])
  if (dataset.isPending) return <Skeleton h={260} aria-label="Loading the dataset" />
  if (!dataset.data) return <Failure error={dataset.error} retry={() => void dataset.refetch()} />
  return (
    <div className={styles['page']}>
      <Section title={id} aside={<span className="faded">{dataset.data.source}</span>}>
        <div className={styles['body']}>
          {dataset.data.hasPreview && <Preview dataset={dataset.data} />}
          <Statistics dataset={dataset.data} />
        </div>
      </Section>
      <Versions id={id} />
    </div>
  )
}

function Preview({ dataset: { id, version } }: { dataset: DatasetDetail }) {
  const preview = useQuery(previewBytesQuery(id, version))
  const url = useObjectUrl(preview.data, 'image/png')
  if (preview.isError) return <Failure error={preview.error} retry={() => void preview.refetch()} />
  return url === undefined ? (
    <Skeleton className={styles['preview']} h={300} aria-label="Loading the preview" />
  ) : (
    <img className={styles['preview']} src={url} alt={`Some images of ${id}, drawn by lot`} />
  )
}

const shown = (values: number[]) => values.map((value) => value.toFixed(1)).join(', ')

function Statistics({ dataset: { numImages, channels, labels, law, statistics } }: { dataset: DatasetDetail }) {
  const facts: [string, string][] = law
    ? [['Points', `${count(numImages)} of ${channels} coordinates`]]
    : [['Images', `${count(numImages)}, ${channels === 1 ? 'grey' : 'colour'}`]]
  if (statistics) {
    const { mean, deviation, sizes, otherSizes, labelCounts, skipped } = statistics
    facts.push(['Mean of 255', shown(mean)], ['Deviation', shown(deviation)])
    const named = sizes.slice(0, 4).map((size) => `${size.width} × ${size.height} (${count(size.count)})`)
    const others = numImages - sizes.slice(0, 4).reduce((sum, size) => sum + size.count, 0)
    facts.push(['Sizes', [...named, ...(others + otherSizes > 0 ? [`others (${count(others)})`] : [])].join(', ')])
    facts.push(...labels.map((label, index): [string, string] => [label, count(labelCounts[index])]))
    if (skipped.count > 0) facts.push(['Left out', count(skipped.count)])
    facts.push(...skipped.first.map(({ name, reason }): [string, string] => [name, reason]))
  }
  return (
    <table className={`${records['table']} ${styles['facts']}`}>
      <tbody>
        {facts.map(([name, value], index) => (
          // Two files of a source may have one name.
          // oxlint-disable-next-line react/no-array-index-key
          <tr key={index}>
            <td className="faded">{name}</td>
            <td className={records['why']}>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Versions({ id }: { id: string }) {
  const versions = useQuery(datasetVersionsQuery(id))
  return (
    <Section title="Versions">
      <table className={records['table']}>
        <thead>
          <tr>
            <th>Version</th>
            <th>Images</th>
            <th>Size</th>
            <th>Imported</th>
          </tr>
        </thead>
        <tbody>
          {versions.data?.items.map(({ version, numImages, sizeBytes, createdAt }) => (
            <tr key={version}>
              <td>
                <Copyable value={`${id}@${version}`} short={version} name="version" />
              </td>
              <td>{count(numImages)}</td>
              <td>{bytes(sizeBytes)}</td>
              <td>{moment(createdAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  )
}
