import { ActionIcon, Loader, Modal, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { isFinishedTask, type Job, type Task } from '@kantor/contracts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { api, checkpointsQuery, explain } from '../api.js'
import { count, moment, nothing } from '../format.js'
import { DownloadIcon } from '../frame/icons.js'
import { Section } from '../frame/notices.js'
import { saveFile } from '../frame/save-file.js'
import { StateMark } from '../frame/state-mark.js'
import records from '../job/records.module.css'
import { tasksQuery } from '../task-queries.js'
import { TaskOutcome } from './task-outcome.js'
import { outputName, taskName } from './task-words.js'
import styles from './tasks.module.css'

/** What workers made, or make, of the job's checkpoints; nothing is shown where nothing was asked for. */
export function TasksPanel({ job }: { job: Job }) {
  const tasks = useQuery(tasksQuery(job)).data?.items ?? []
  const checkpoints = useQuery(checkpointsQuery(job)).data?.items ?? []
  if (tasks.length === 0) return null
  return (
    <Section title="Tasks">
      <div className={records['scroll']}>
        <table className={records['table']}>
          <thead>
            <tr>
              <th>What</th>
              <th>Step</th>
              <th>State</th>
              <th>
                <span className={records['hidden']}>Download</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {tasks.map((task) => (
              <TaskRow
                key={task.id}
                task={task}
                jobName={job.name}
                step={checkpoints.find(({ id }) => id === task.checkpointId)?.step}
              />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}

function TaskRow({ task, jobName, step }: { task: Task; jobName: string; step: number | undefined }) {
  const [looks, { open, close }] = useDisclosure(false)
  const name = outputName(task, jobName, step)
  const download = useMutation({
    mutationFn: () => api().downloadTaskOutput({ params: { id: task.id } }),
    onSuccess: (file) => name !== null && saveFile(file, name),
  })
  const hasOutcome = name !== null || !isFinishedTask(task.state)
  return (
    <tr title={moment(task.createdAt)}>
      <td className={styles['what']}>
        {hasOutcome ? (
          <UnstyledButton className={styles['link']} onClick={open}>
            {taskName(task)}
          </UnstyledButton>
        ) : (
          taskName(task)
        )}
        {task.state === 'failed' && <div className={records['bad']}>{task.message}</div>}
        {download.isError && <div className={records['bad']}>{explain(download.error)}</div>}
        <Modal opened={looks} onClose={close} title={taskName(task)} size="lg">
          <TaskOutcome id={task.id} jobName={jobName} step={step} />
        </Modal>
      </td>
      <td>{step === undefined ? nothing : count(step)}</td>
      <td>
        <StateMark state={task.state} />
      </td>
      <td className={records['end']}>
        {name !== null && (
          <ActionIcon
            variant="subtle"
            color="gray"
            onClick={() => download.mutate()}
            disabled={download.isPending}
            aria-label={`Download ${name}`}
          >
            {download.isPending ? <Loader size={14} /> : <DownloadIcon />}
          </ActionIcon>
        )}
      </td>
    </tr>
  )
}
