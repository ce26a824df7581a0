import { Anchor, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { datasetVersionsQuery } from '../api.js'
import { bytes, count, moment } from '../format.js'
import { Failure, Section } from '../frame/notices.js'
import records from '../job/records.module.css'
import styles from './dataset-page.module.css'

/** Every version, newest first; each has its page. */
export function Versions({ id, shown }: { id: string; shown: string }) {
  const versions = useQuery(datasetVersionsQuery(id))
  return (
    <Section title="Versions">
      {versions.isPending && <Skeleton h={48} m="md" aria-label="Loading versions" />}
      {versions.isError && !versions.data && <Failure error={versions.error} retry={() => void versions.refetch()} />}
      {versions.data && (
        <div className={styles['scroll']}>
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
              {versions.data.items.map(({ version, numImages, sizeBytes, createdAt }) => (
                <tr key={version}>
                  <td>
                    {version === shown ? (
                      <b className="mono" aria-current="page">
                        {version}
                      </b>
                    ) : (
                      <Anchor
                        component={Link}
                        to={`/datasets/${id}`}
                        search={{ version } as never}
                        size="sm"
                        className="mono"
                      >
                        {version}
                      </Anchor>
                    )}
                  </td>
                  <td>{count(numImages)}</td>
                  <td>{bytes(sizeBytes)}</td>
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
