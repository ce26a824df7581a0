import type { Lint } from '@kantor/contracts'
import { Section } from '../frame/notices.js'
import styles from './lint-panel.module.css'

/** What the service thinks of the spec, or the search; nothing is shown when it has nothing to say. */
export function LintPanel({ lint, title = 'Advice on this spec' }: { lint: Lint[]; title?: string }) {
  if (lint.length === 0) return null
  return (
    <Section title={title}>
      <ul className={styles['list']}>
        {lint.map(({ code, pointer, message, citation, suggestion }) => (
          <li key={`${code} ${pointer}`}>
            <code>{pointer}</code>
            <span>
              {message}
              {citation !== null && <Citation text={citation} />}
            </span>
            {suggestion !== null && (
              <span className={styles['instead']}>
                instead <code>{JSON.stringify(suggestion)}</code>
              </span>
            )}
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** A thread is a link, a paper is not. */
function Citation({ text }: { text: string }) {
  const url = /^https:\/\/\S+$/.test(text) ? text : null
  return (
    <cite className={styles['citation']}>
      {url === null ? (
        text
      ) : (
        <a href={url} target="_blank" rel="noreferrer">
          {url.replace('https://', '')}
        </a>
      )}
    </cite>
  )
}
