import { Anchor, Skeleton, Switch } from '@mantine/core'
import type { AlertRule } from '@kantor/contracts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { alertRulesQuery, alertsQuery } from '../alert-queries.js'
import { api } from '../api.js'
import { count, moment } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { Refusal } from '../frame/refusal.js'
import { ConfirmButton } from '../job/confirm-button.js'
import records from '../job/records.module.css'
import { useMay } from '../task-queries.js'
import styles from './alerts.module.css'
import { RuleButton } from './rule-button.js'
import { conditionWords } from './rule-words.js'

/** Rules that watch all jobs, and what they found. */
export function RulesSection() {
  const rules = useQuery(alertRulesQuery)
  const mayChange = useMay('submit')
  const items = rules.data?.items ?? []
  return (
    <Section title="Alert rules" aside={mayChange && <RuleButton />}>
      {rules.isPending && <Skeleton h={48} m="md" aria-label="Loading alert rules" />}
      {rules.isError && !rules.data && <Failure error={rules.error} retry={() => void rules.refetch()} />}
      {rules.isSuccess && items.length === 0 && (
        <Empty title="No alert rules">
          A rule watches all jobs for a level, a change, an end or a standstill. What it finds is an event of the job, a
          mark on its curve, and told to webhooks.
        </Empty>
      )}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={records['table']}>
            <thead>
              <tr>
                <th>Rule</th>
                <th>Fires when</th>
                <th>Newest alerts</th>
                <th>Active</th>
                <th>
                  <span className={records['hidden']}>Delete</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((rule) => (
                <RuleRow key={rule.id} rule={rule} mayChange={mayChange} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

function RuleRow({ rule, mayChange }: { rule: AlertRule; mayChange: boolean }) {
  const { id, name, condition, active, createdAt } = rule
  const queries = useQueryClient()
  const onSuccess = () => queries.invalidateQueries({ queryKey: alertRulesQuery.queryKey })
  const turn = useMutation({
    mutationFn: () => api().patchAlertRule({ params: { id }, body: { active: !active } }),
    onSuccess,
  })
  const remove = useMutation({ mutationFn: () => api().deleteAlertRule({ params: { id } }), onSuccess })
  return (
    <tr title={`made ${moment(createdAt)}`}>
      <td className={styles['name']}>{name}</td>
      <td className={styles['text']}>{conditionWords(condition)}</td>
      <td className={styles['text']}>
        <NewestAlerts id={id} />
      </td>
      <td>
        <Switch
          size="xs"
          checked={active}
          disabled={!mayChange || turn.isPending}
          onChange={() => turn.mutate()}
          aria-label={`Watch for ${name}`}
        />
        <Refusal error={turn.error} />
      </td>
      <td className={records['end']}>
        {mayChange && (
          <ConfirmButton
            danger
            label="Delete"
            title={`Delete “${name}”?`}
            text="Its alerts are deleted with it; events and marks of jobs stay."
            ask={remove}
          />
        )}
      </td>
    </tr>
  )
}

function NewestAlerts({ id }: { id: string }) {
  const alerts = useQuery(alertsQuery(id))
  if (alerts.isPending) return <span className="faded">…</span>
  if (!alerts.data) return <Refusal error={alerts.error} />
  if (alerts.data.items.length === 0) return <span className="faded">none yet</span>
  return (
    <ul className={styles['alerts']}>
      {alerts.data.items.map(({ jobId, step, message, firedAt }) => (
        <li key={jobId} title={moment(firedAt)}>
          <Anchor component={Link} to={`/jobs/${jobId}`} size="sm">
            {jobId.slice(-8)}
          </Anchor>{' '}
          step {count(step)}: {message}
        </li>
      ))}
    </ul>
  )
}
