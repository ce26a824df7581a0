import { Anchor, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { datasetsQuery } from '../api.js'
import { bytes, count, moment } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from '../job/records.module.css'

/** What there is to train on: the newest version of every dataset. */
export function DatasetsPage() {
  const datasets = useQuery(datasetsQuery)
  const items = datasets.data?.items ?? []
  useEffect(() => {
    document.title = 'Datasets · Kantor'
  }, [])

  return (
    <Section title="Datasets">
      {datasets.isPending && <Skeleton h={48} m="md" aria-label="Loading datasets" />}
      {datasets.isError && !datasets.data && <Failure error={datasets.error} retry={() => void datasets.refetch()} />}
      {datasets.isSuccess && items.length === 0 && (
        <Empty title="No datasets">
          Bring images in with <code>kantor dataset import</code> or <code>kantor dataset upload</code>.
        </Empty>
      )}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={styles['table']}>
            <thead>
              <tr>
                <th>Dataset</th>
                <th>Images</th>
                <th>Labels</th>
                <th>Size</th>
                <th>Source</th>
                <th>Imported</th>
              </tr>
            </thead>
            <tbody>
              {items.map(({ id, law, numImages, labels, sizeBytes, source, createdAt }) => (
                <tr key={id}>
                  <td>
                    <Anchor component={Link} to={`/datasets/${id}`} size="sm">
                      {id}
                    </Anchor>
                  </td>
                  <td>
                    {count(numImages)}
                    {law && ' points'}
                  </td>
                  <td>{labels.length || '–'}</td>
                  <td>{bytes(sizeBytes)}</td>
                  <td>{source}</td>
                  <td>{moment(createdAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}
