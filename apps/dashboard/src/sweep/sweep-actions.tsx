import { Button, Group, Menu, Text } from '@mantine/core'
import { isTerminal, type Sweep } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api, explain, sweepQuery } from '../api.js'
import { ConfirmButton } from '../job/confirm-button.js'
import { countTrials } from '../sweeps/sweep-progress.js'

/** What can be asked of all trials at once; nothing once they are over. */
export function SweepActions({ sweep }: { sweep: Sweep }) {
  const params = { id: sweep.id }
  const pause = useVerb(sweep, (checkpoint: 'save' | 'latest') => api().pauseSweep({ params, body: { checkpoint } }))
  const resume = useVerb(sweep, () => api().resumeSweep({ params }))
  const stop = useVerb(sweep, () => api().stopSweep({ params }))
  const cancel = useVerb(sweep, () => api().cancelSweep({ params }))
  if (sweep.state === 'finished') return null
  const { queued, starting, running, paused } = sweep.counts
  const left = sweep.trials - countTrials(sweep, isTerminal)
  const failure = [pause, resume].find(({ isError }) => isError)?.error

  return (
    <div>
      <Group gap="xs" justify="flex-end">
        {queued + starting + running > 0 && (
          <Menu position="bottom-end">
            <Menu.Target>
              <Button loading={pause.isPending}>Pause</Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => pause.mutate('save')}>Save checkpoints first</Menu.Item>
              <Menu.Item onClick={() => pause.mutate('latest')}>At once, back to the newest checkpoints</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        )}
        {paused > 0 && (
          <Button variant="filled" loading={resume.isPending} onClick={() => resume.mutate(undefined)}>
            Resume
          </Button>
        )}
        <ConfirmButton
          label="Stop sweep"
          title={`Stop “${sweep.name}”?`}
          text={`${trials(left)} for good; those at work leave a last sample and a checkpoint.`}
          ask={stop}
        />
        <ConfirmButton
          danger
          label="Cancel sweep"
          title={`Cancel “${sweep.name}”?`}
          text={`${trials(left)} for good. Curves, samples and checkpoints written so far are kept.`}
          ask={cancel}
        />
      </Group>
      {failure !== undefined && (
        <Text size="sm" c="var(--bad)" mt={4} ta="right" role="alert">
          {explain(failure)}
        </Text>
      )}
    </div>
  )
}

const trials = (left: number) =>
  left === 1 ? 'The one trial that is not over ends' : `The ${left} trials that are not over end`

/** Asks, and shows the sweep as the answer has it. */
function useVerb<T = void>({ id }: Sweep, ask: (how: T) => Promise<Sweep>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ask,
    onSuccess: (answer) => {
      queries.setQueryData(sweepQuery(id).queryKey, (before) => ({ ...answer, best: before?.best }))
      void queries.invalidateQueries({ queryKey: ['trials', id] })
      void queries.invalidateQueries({ queryKey: ['sweeps'] })
    },
  })
}
