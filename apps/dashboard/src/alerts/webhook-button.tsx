import { Button, Group, Modal, MultiSelect, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { WebhookEvent } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { webhooksQuery } from '../alert-queries.js'
import { api } from '../api.js'
import { Copyable } from '../frame/copyable.js'
import { Refusal } from '../frame/refusal.js'

const told: WebhookEvent[] = ['job.succeeded', 'job.stopped', 'job.failed', 'alert.fired']

/** A new webhook, in a dialog that then shows the secret, once. */
export function WebhookButton() {
  const queries = useQueryClient()
  const [asked, { open, close }] = useDisclosure(false)
  const [url, setUrl] = useState('')
  const [events, setEvents] = useState(told)
  const create = useMutation({
    mutationFn: () => api().createWebhook({ body: { url: url.trim(), events } }),
    onSuccess: () => {
      setUrl('')
      setEvents(told)
      return queries.invalidateQueries({ queryKey: webhooksQuery.queryKey })
    },
  })
  return (
    <>
      <Button size="compact-xs" onClick={open}>
        New webhook
      </Button>
      <Modal opened={asked} onClose={close} title="New webhook" onExitTransitionEnd={create.reset}>
        {create.data ? (
          <Stack gap="sm">
            <Text size="sm">
              Requests to {create.data.url} are signed with this secret. It is shown only now: keep it where they are
              received.
            </Text>
            {create.data.secret !== null && (
              <Copyable value={create.data.secret} short={create.data.secret} name="secret" />
            )}
            <Group justify="flex-end">
              <Button variant="filled" onClick={close}>
                I have it
              </Button>
            </Group>
          </Stack>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              create.mutate()
            }}
          >
            <Stack gap="sm">
              <TextInput
                label="Address"
                placeholder="https://…"
                value={url}
                onChange={(event) => setUrl(event.currentTarget.value)}
                data-autofocus
              />
              <MultiSelect
                label="Is told of"
                data={WebhookEvent.options}
                value={events}
                onChange={(chosen) => setEvents(chosen as WebhookEvent[])}
              />
              <Refusal error={create.error} />
              <Group justify="flex-end" gap="xs">
                <Button onClick={close}>Leave it</Button>
                <Button type="submit" variant="filled" loading={create.isPending} disabled={url.trim() === ''}>
                  Create
                </Button>
              </Group>
            </Stack>
          </form>
        )}
      </Modal>
    </>
  )
}
