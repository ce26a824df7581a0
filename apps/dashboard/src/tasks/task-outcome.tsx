import { Anchor, Button, Group, Loader, Skeleton } from '@mantine/core'
import { generatedMedia, isFinishedTask, type Task } from '@kantor/contracts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.js'
import { bytes } from '../format.js'
import { Failure } from '../frame/notices.js'
import { Refusal } from '../frame/refusal.js'
import { saveFile } from '../frame/save-file.js'
import { taskOutputQuery, taskQuery } from '../task-queries.js'
import { useObjectUrl } from '../use-object-url.js'
import styles from './tasks.module.css'
import { isPicture, outputName, taskName } from './task-words.js'

interface TaskOutcomeProps {
  id: string
  jobName: string
  step: number | undefined
}

/** A task while it waits and works, and then what it made: a picture to look at, or a file to take away. */
export function TaskOutcome({ id, jobName, step }: TaskOutcomeProps) {
  const { data: task, error, refetch } = useQuery(taskQuery(id))
  if (!task && error) return <Failure error={error} retry={() => void refetch()} />
  if (!task) return <Skeleton h={32} aria-label="Loading the task" />
  if (!isFinishedTask(task.state)) return <UnderWay task={task} />
  const name = outputName(task, jobName, step)
  if (name === null)
    return (
      <p className={styles['ended']} role="alert">
        The task has {task.state}
        {task.message !== null && `: ${task.message}`}
      </p>
    )
  return isPicture(task) ? <Picture task={task} name={name} /> : <File task={task} name={name} />
}

function UnderWay({ task }: { task: Task }) {
  const queries = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => api().cancelTask({ params: { id: task.id } }),
    onSuccess: (answer) => queries.setQueryData(taskQuery(task.id).queryKey, answer),
  })
  return (
    <Group gap="xs" className={styles['waits']} role="status">
      <Loader size={14} />
      <span>
        {task.state === 'queued' ? 'Waits for a worker' : task.state === 'running' ? 'A worker is at it' : 'Ends'}
      </span>
      {task.state !== 'cancelling' && (
        <Button size="compact-xs" loading={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel
        </Button>
      )}
      <Refusal error={cancel.error} />
    </Group>
  )
}

/** Enlarged to about this many pixels, by a whole number. */
const ROOM = 480

function Picture({ task, name }: { task: Task; name: string }) {
  const output = useQuery(taskOutputQuery(task.id))
  const url = useObjectUrl(output.data, task.kind === 'generate' ? generatedMedia[task.params.as] : 'image/png')
  const [width, setWidth] = useState<number>()
  if (output.isError) return <Failure error={output.error} retry={() => void output.refetch()} />
  if (url === undefined) return <Skeleton h={260} aria-label="Loading the picture" />
  return (
    <figure className={styles['picture']}>
      <img
        src={url}
        alt={taskName(task)}
        width={width}
        onLoad={({ currentTarget: { naturalWidth } }) =>
          setWidth(naturalWidth * Math.max(1, Math.floor(ROOM / naturalWidth)))
        }
      />
      <figcaption>
        <Anchor href={url} download={name} size="sm">
          Download {name.split('.').at(-1)?.toUpperCase()}, {bytes(output.data?.length ?? 0)}
        </Anchor>
      </figcaption>
    </figure>
  )
}

function File({ task, name }: { task: Task; name: string }) {
  const download = useMutation({
    mutationFn: () => api().downloadTaskOutput({ params: { id: task.id } }),
    onSuccess: (file) => saveFile(file, name),
  })
  const size = task.kind === 'export' || task.kind === 'generate' ? task.result?.sizeBytes : undefined
  return (
    <Group gap="sm">
      <Button variant="filled" loading={download.isPending} onClick={() => download.mutate()}>
        Download
      </Button>
      <span className="mono">{name}</span>
      {size !== undefined && <span className="faded">{bytes(size)}</span>}
      <Refusal error={download.error} />
    </Group>
  )
}
