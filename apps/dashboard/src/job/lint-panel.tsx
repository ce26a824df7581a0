import type { Lint } from '@kantor/contracts'
import { Section } from '../frame/notices.js'
import styles from './lint-panel.module.css'

/** What the service thinks of the spec; nothing is shown when it has nothing to say. */
export function LintPanel({ lint }: { lint: Lint[] }) {
  if (lint.length === 0) return null
  return (
    <Section title="Advice on this spec">
      <ul className={styles['list']}>
        {lint.map(({ code, pointer, message }) => (
          <li key={`${code} ${pointer}`}>
            <code>{pointer}</code>
            <span>{message}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}
