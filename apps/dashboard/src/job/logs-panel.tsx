import { Skeleton, TextInput } from '@mantine/core'
import type { Job } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { logsQuery } from '../api.js'
import { count, moment } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from './logs-panel.module.css'

/** So near the end counts as there. */
const SLACK_PX = 24

/** The newest lines of what the job's trainers printed and told, searched by the API. */
export function LogsPanel({ job }: { job: Job }) {
  const [search, setSearch] = useState('')
  const logs = useQuery(logsQuery(job, search.trim()))
  const items = logs.data?.items ?? []
  const dropped = logs.data?.dropped ?? 0
  const lines = useRef<HTMLOListElement>(null)
  // The newest line is what one looks for; a reader who scrolled up is left where he is.
  const atEnd = useRef(true)
  const newest = items.at(-1)?.id
  useEffect(() => {
    if (atEnd.current) lines.current?.scrollTo({ top: lines.current.scrollHeight })
  }, [newest])
  return (
    <Section
      title="Log"
      aside={
        <TextInput
          size="xs"
          aria-label="Search the log"
          placeholder="Search"
          maxLength={200}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      }
    >
      {logs.isPending && <Skeleton h={48} m="md" aria-label="Loading the log" />}
      {logs.isError && !logs.data && <Failure error={logs.error} retry={() => void logs.refetch()} />}
      {logs.isSuccess && items.length === 0 && (
        <Empty title={search.trim() === '' ? 'No lines yet' : 'No line holds this text'} />
      )}
      {items.length > 0 && (
        <ol
          ref={lines}
          className={styles['lines']}
          aria-label="Lines"
          tabIndex={0}
          onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
            atEnd.current = scrollTop + clientHeight >= scrollHeight - SLACK_PX
          }}
        >
          {items.map(({ id, attempt, at, level, text }) => (
            <li key={id} data-level={level} title={`${moment(at)}, attempt ${attempt}`}>
              <span className="faded">#{attempt}</span> {text}
            </li>
          ))}
        </ol>
      )}
      {dropped > 0 && <p className={styles['note']}>{count(dropped)} lines in the middle are not kept.</p>}
    </Section>
  )
}
