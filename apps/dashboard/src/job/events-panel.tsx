import { Skeleton } from '@mantine/core'
import type { Job } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { eventsQuery } from '../api.js'
import { moment, roughly, words } from '../format.js'
import { Failure, Section } from '../frame/notices.js'
import { StateMark } from '../frame/state-mark.js'
import { useNow } from '../use-now.js'
import styles from './records.module.css'

/** Every transition of the job, newest first. */
export function EventsPanel({ job }: { job: Job }) {
  const events = useQuery(eventsQuery(job))
  const now = useNow(10_000)
  const items = (events.data?.items ?? []).toReversed()
  return (
    <Section title="Events">
      {events.isPending && <Skeleton h={48} m="md" aria-label="Loading events" />}
      {events.isError && !events.data && <Failure error={events.error} retry={() => void events.refetch()} />}
      <ol className={styles['events']}>
        {items.map((event) => (
          <li key={event.seq}>
            <StateMark state={event.to} />
            <span className={styles['why']}>
              {words(event.reason)} <span className="faded">by {event.actor}</span>
              {event.message !== null && <span className={styles['message']}>{event.message}</span>}
            </span>
            <time dateTime={event.at} title={moment(event.at)} className="faded">
              {roughly((now - Date.parse(event.at)) / 1000)} ago
            </time>
          </li>
        ))}
      </ol>
    </Section>
  )
}
