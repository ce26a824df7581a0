import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { AlertCondition } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { alertRulesQuery } from '../alert-queries.js'
import { api } from '../api.js'
import { Refusal } from '../frame/refusal.js'
import { ConditionFields } from './condition-fields.js'

const kinds: { value: AlertCondition['kind']; label: string }[] = [
  { value: 'threshold', label: 'a series is above or below a value' },
  { value: 'change', label: 'a series rises or falls by much' },
  { value: 'state', label: 'a job ends' },
  { value: 'stalled', label: 'a running job stands still' },
]

/** What each kind begins with. */
const first: { [K in AlertCondition['kind']]: Extract<AlertCondition, { kind: K }> } = {
  threshold: { kind: 'threshold', metric: 'w_estimate', op: 'above', value: 1, points: 101 },
  change: { kind: 'change', metric: 'w_estimate', direction: 'rise', by: 1, points: 101 },
  state: { kind: 'state', states: ['failed'] },
  stalled: { kind: 'stalled', seconds: 600 },
}

/** A new rule, in a dialog. */
export function RuleButton() {
  const queries = useQueryClient()
  const [asked, { open, close }] = useDisclosure(false)
  const [name, setName] = useState('')
  const [condition, setCondition] = useState<AlertCondition>(first.threshold)
  const create = useMutation({
    mutationFn: () => api().createAlertRule({ body: { name: name.trim(), condition } }),
    onSuccess: () => {
      close()
      setName('')
      setCondition(first.threshold)
      return queries.invalidateQueries({ queryKey: alertRulesQuery.queryKey })
    },
  })
  return (
    <>
      <Button size="compact-xs" onClick={open}>
        New rule
      </Button>
      <Modal opened={asked} onClose={close} title="New alert rule" onExitTransitionEnd={create.reset}>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            create.mutate()
          }}
        >
          <Stack gap="sm">
            <TextInput
              label="Name"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              maxLength={200}
              data-autofocus
            />
            <Select
              label="It fires when"
              data={kinds}
              value={condition.kind}
              onChange={(kind) => kind !== null && setCondition(first[kind as AlertCondition['kind']])}
              allowDeselect={false}
            />
            <ConditionFields condition={condition} onChange={setCondition} />
            <Refusal error={create.error} />
            <Group justify="flex-end" gap="xs">
              <Button onClick={close}>Leave it</Button>
              <Button type="submit" variant="filled" loading={create.isPending} disabled={name.trim() === ''}>
                Create
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  )
}
