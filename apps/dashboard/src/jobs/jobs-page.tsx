import { Button, Chip, Group, Skeleton, Stack } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect } from 'react'
import { jobsQuery } from '../api.js'
import { Empty, Failure } from '../frame/notices.js'
import styles from './jobs-page.module.css'
import { JobsTable } from './jobs-table.js'
import { groupNames, parseGroups, readGroups, statesOf } from './state-groups.js'

const route = getRouteApi('/')

const address = (names: string, old: boolean) => ({ ...parseGroups(names), ...(old && { archived: true as const }) })

/** Every job, newest first. */
export function JobsPage() {
  const navigate = route.useNavigate()
  const { show, archived = false } = route.useSearch()
  const groups = readGroups(show)
  const jobs = useInfiniteQuery(jobsQuery(statesOf(groups), archived))
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? []
  useEffect(() => {
    document.title = 'Jobs · Kantor'
  }, [])

  return (
    <>
      <div className={styles['head']}>
        <h1>Jobs</h1>
        <Chip.Group
          multiple
          value={groups}
          onChange={(names) => void navigate({ search: address(names.join(','), archived), replace: true })}
        >
          <Group gap={6} role="group" aria-label="Show only jobs that are">
            {groupNames.map((name) => (
              <Chip key={name} value={name} size="xs" variant="outline">
                {name}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
        <Chip
          size="xs"
          variant="outline"
          checked={archived}
          onChange={(old) => void navigate({ search: address(show ?? '', old), replace: true })}
        >
          archived
        </Chip>
      </div>
      <div className="sheet">
        {jobs.isPending && <LoadingRows />}
        {jobs.isError && items.length === 0 && <Failure error={jobs.error} retry={() => void jobs.refetch()} />}
        {jobs.isSuccess && items.length === 0 && <NoJobs filtered={groups.length > 0 || archived} />}
        {items.length > 0 && <JobsTable jobs={items} />}
      </div>
      {jobs.hasNextPage && (
        <Button mt="md" loading={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
          Older jobs
        </Button>
      )}
    </>
  )
}

function NoJobs({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No job is in these states" />
  return (
    <Empty title="No jobs yet">
      Submit one with <code>POST /jobs</code>, for example
      <pre className={styles['example']}>
        {`curl ${location.origin}/jobs -H 'content-type: application/json' \\
  -d '{"name": "first", "spec": {"dataset": "mnist"}}'`}
      </pre>
    </Empty>
  )
}

const LoadingRows = () => (
  <Stack gap="md" p="md" aria-label="Loading">
    {[0, 1, 2, 3, 4].map((row) => (
      <Skeleton key={row} h={22} />
    ))}
  </Stack>
)
