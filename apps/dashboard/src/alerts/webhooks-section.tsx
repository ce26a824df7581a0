import { Button, Group, Skeleton, Switch } from '@mantine/core'
import type { Webhook, WebhookAnswer } from '@kantor/contracts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { deliveriesQuery, webhooksQuery } from '../alert-queries.js'
import { api } from '../api.js'
import { moment } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { Refusal } from '../frame/refusal.js'
import { ConfirmButton } from '../job/confirm-button.js'
import records from '../job/records.module.css'
import styles from './alerts.module.css'
import { WebhookButton } from './webhook-button.js'

/** Addresses that are told of what happens to jobs, and how the newest telling went. */
export function WebhooksSection() {
  const webhooks = useQuery(webhooksQuery)
  const items = webhooks.data?.items ?? []
  return (
    <Section title="Webhooks" aside={<WebhookButton />}>
      {webhooks.isPending && <Skeleton h={48} m="md" aria-label="Loading webhooks" />}
      {webhooks.isError && !webhooks.data && <Failure error={webhooks.error} retry={() => void webhooks.refetch()} />}
      {webhooks.isSuccess && items.length === 0 && (
        <Empty title="No webhooks">An address that is told, in signed requests, when jobs end or a rule fires.</Empty>
      )}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={records['table']}>
            <thead>
              <tr>
                <th>Address</th>
                <th>Events</th>
                <th>Newest delivery</th>
                <th>Active</th>
                <th>
                  <span className={records['hidden']}>Test or delete</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((webhook) => (
                <WebhookRow key={webhook.id} webhook={webhook} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

function WebhookRow({ webhook: { id, url, events, active, createdAt } }: { webhook: Webhook }) {
  const queries = useQueryClient()
  const params = { id }
  const onSuccess = () => queries.invalidateQueries({ queryKey: webhooksQuery.queryKey })
  const turn = useMutation({
    mutationFn: () => api().patchWebhook({ params, body: { active: !active } }),
    onSuccess,
  })
  const remove = useMutation({ mutationFn: () => api().deleteWebhook({ params }), onSuccess })
  const test = useMutation({ mutationFn: () => api().testWebhook({ params }) })
  return (
    <tr title={`made ${moment(createdAt)}`}>
      <td className={styles['address']}>{url}</td>
      <td className={styles['text']}>{events.join(', ')}</td>
      <td className={styles['text']}>
        <NewestDelivery id={id} />
        {test.data && <div role="status">Test: {answerWords(test.data)}</div>}
        <Refusal error={test.error ?? turn.error} />
      </td>
      <td>
        <Switch
          size="xs"
          checked={active}
          disabled={turn.isPending}
          onChange={() => turn.mutate()}
          aria-label={`Tell ${url}`}
        />
      </td>
      <td className={records['end']}>
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          <Button loading={test.isPending} onClick={() => test.mutate()} aria-label={`Test ${url}`}>
            Test
          </Button>
          <ConfirmButton
            danger
            label="Delete"
            title="Delete this webhook?"
            text={`${url} is told nothing any more; what still waits for it is deleted.`}
            ask={remove}
          />
        </Group>
      </td>
    </tr>
  )
}

const answerWords = ({ ok, status, error, milliseconds }: WebhookAnswer): string =>
  `${ok ? 'taken' : 'not taken'}${status === null ? '' : `, status ${status}`}, ${milliseconds} ms${error === null ? '' : `: ${error}`}`

function NewestDelivery({ id }: { id: string }) {
  const deliveries = useQuery(deliveriesQuery(id))
  if (deliveries.isPending) return <span className="faded">…</span>
  if (!deliveries.data) return <Refusal error={deliveries.error} />
  const [newest] = deliveries.data.items
  if (newest === undefined) return <span className="faded">none in seven days</span>
  const { event, state, tries, status, error, createdAt } = newest
  return (
    <div title={moment(createdAt)}>
      <span className={state === 'failed' ? records['bad'] : undefined}>{state}</span>{' '}
      <span className="faded">
        {event}
        {status !== null && `, status ${status}`}
        {tries > 1 && `, ${tries} tries`}
        {error !== null && `: ${error}`}
      </span>
    </div>
  )
}
