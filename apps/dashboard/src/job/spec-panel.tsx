import { Button, CopyButton } from '@mantine/core'
import type { Job } from '@kantor/contracts'
import { Section } from '../frame/notices.js'
import styles from './spec-panel.module.css'
import { specGroups } from './spec-rows.js'

/** What was asked for, with every default filled in: this, sent again, reproduces the run. */
export function SpecPanel({ job }: { job: Job }) {
  return (
    <Section
      title="Resolved spec"
      aside={
        <CopyButton value={JSON.stringify(job.spec, null, 2)}>
          {({ copied, copy }) => (
            <Button size="compact-xs" onClick={copy}>
              {copied ? 'Copied' : 'Copy as JSON'}
            </Button>
          )}
        </CopyButton>
      }
    >
      <div className={styles['groups']}>
        {specGroups(job.spec).map(({ name, rows }) => (
          <table key={name} className={styles['group']}>
            <caption className="caption">{name}</caption>
            <tbody>
              {rows.map(([key, value]) => (
                <tr key={key}>
                  <th scope="row">{key}</th>
                  <td className="mono">{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ))}
      </div>
    </Section>
  )
}
