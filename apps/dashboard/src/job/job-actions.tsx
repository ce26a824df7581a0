import { Button, Group, Menu, Text } from '@mantine/core'
import { type Job, takes, type Verb } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api, explain, jobQuery } from '../api.js'
import { useMay } from '../task-queries.js'
import { ConfirmButton } from './confirm-button.js'
import { ForkButton } from './fork-button.js'

/** What can be asked of the job as it is now, by a key that may; what would be refused is not offered. */
export function JobActions({ job }: { job: Job }) {
  const { id } = job
  const [params, navigate] = [{ id }, useNavigate()]
  const pause = useVerb(job, (checkpoint: 'save' | 'latest') => api().pauseJob({ params, body: { checkpoint } }))
  const resume = useVerb(job, () => api().resumeJob({ params }))
  const stop = useVerb(job, () => api().stopJob({ params }))
  const cancel = useVerb(job, () => api().cancelJob({ params }))
  const archive = useVerb(job, () =>
    job.archivedAt === null ? api().archiveJob({ params }) : api().unarchiveJob({ params }),
  )
  const open = (next: Job) => navigate({ to: '/jobs/$jobId', params: { jobId: next.id } })
  const retry = useMutation({ mutationFn: () => api().retryJob({ params }), onSuccess: open })
  const remove = useMutation({
    mutationFn: () => api().deleteJob({ params }),
    onSuccess: () => navigate({ to: '/' }),
  })
  const mayAct = useMay('submit')
  const can = (verb: Verb) => mayAct && takes(job.state, verb)
  const failure = [pause, resume, archive, retry].find(({ isError }) => isError)?.error

  return (
    <div>
      <Group gap="xs" justify="flex-end">
        {can('pause') && job.state !== 'paused' && (
          <Menu position="bottom-end">
            <Menu.Target>
              <Button loading={pause.isPending}>{job.state === 'pausing' ? 'Pausing…' : 'Pause'}</Button>
            </Menu.Target>
            <Menu.Dropdown>
              {job.state !== 'pausing' && (
                <Menu.Item onClick={() => pause.mutate('save')}>Save a checkpoint first</Menu.Item>
              )}
              <Menu.Item onClick={() => pause.mutate('latest')}>At once, back to the newest checkpoint</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
        {can('resume') && job.state === 'paused' && (
          <Button variant="filled" loading={resume.isPending} onClick={() => resume.mutate(undefined)}>
            Resume
          </Button>
        )}
        {can('stop') && job.state !== 'stopping' && job.state !== 'stopped' && (
          <ConfirmButton
            label="Stop job"
            title={`Stop “${job.name}”?`}
            text="Training ends for good, with a last sample and a checkpoint: the model stays usable."
            ask={stop}
          />
        )}
        {can('cancel') && job.state !== 'cancelling' && job.state !== 'cancelled' && (
          <ConfirmButton
            danger
            label="Cancel job"
            title={`Cancel “${job.name}”?`}
            text="Training ends for good. The curve, samples and checkpoints written so far are kept."
            ask={cancel}
          />
        )}
        {can('retry') && (
          <Button loading={retry.isPending} onClick={() => retry.mutate()}>
            Retry
          </Button>
        )}
        {can('archive') && <ForkButton job={job} onForked={open} />}
        {can('archive') && (
          <Button loading={archive.isPending} onClick={() => archive.mutate(undefined)}>
            {job.archivedAt === null ? 'Archive' : 'Unarchive'}
          </Button>
        )}
        {can('delete') && (
          <ConfirmButton
            danger
            label="Delete job"
            title={`Delete “${job.name}”?`}
            text="Its curve, samples and checkpoints are deleted with it. This cannot be undone."
            ask={remove}
          />
        )}
      </Group>
      {failure !== undefined && (
        <Text size="sm" c="var(--bad)" mt={4} ta="right" role="alert">
          {explain(failure)}
        </Text>
      )}
    </div>
  )
}

/** Asks, and shows the job as the answer has it. */
function useVerb<T = void>({ id }: Job, ask: (how: T) => Promise<Job>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ask,
    onSuccess: (answer) => {
      queries.setQueryData(jobQuery(id).queryKey, answer)
      void queries.invalidateQueries({ queryKey: ['jobs'] })
    },
  })
}
