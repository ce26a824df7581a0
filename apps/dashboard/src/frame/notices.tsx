import { Anchor, Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { explain } from '../api.js'
import styles from './notices.module.css'

/** What stands where there is nothing yet: what is missing, and what will bring it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles['empty']}>
      <p className={styles['title']}>{title}</p>
      {children && <div className="faded">{children}</div>}
    </div>
  )
}

/** An error in the place of what it kept from loading. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div className={styles['empty']} role="alert">
      <p className={styles['title']}>This could not be loaded</p>
      <div className="faded">{explain(error)}</div>
      {retry && (
        <Button mt="sm" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

export function NotFound() {
  return (
    <Empty title="There is no such page">
      <Anchor component={Link} to="/">
        All jobs
      </Anchor>
    </Empty>
  )
}

/** A quiet section with its heading, and what belongs to the heading at its right. */
export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className={`sheet ${styles['section']}`} aria-label={title}>
      <header className={styles['heading']}>
        <h2>{title}</h2>
        {aside && <div className={styles['aside']}>{aside}</div>}
      </header>
      {children}
    </section>
  )
}
