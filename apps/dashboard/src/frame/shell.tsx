import { ActionIcon, Anchor, Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { forgetKey, useSession } from '../session.js'
import { Mark, MoonIcon, SunIcon } from './icons.js'
import { KeyPrompt } from './key-prompt.js'
import styles from './shell.module.css'

/** Everything around a page: the bar, the line to the API, and the question for a key. */
export function Shell() {
  const { apiKey, locked, outage } = useSession()
  return (
    <>
      <a className={styles['skip']} href="#content">
        Skip to content
      </a>
      <header className={styles['bar']}>
        <div className={styles['inner']}>
          <Link to="/" className={styles['brand']}>
            <Mark />
            <span>Kantor</span>
          </Link>
          <nav className={styles['links']} aria-label="Service">
            <Anchor component={Link} to="/workers" size="sm" c="dimmed">
              Workers
            </Anchor>
            <Anchor href="/docs" size="sm" c="dimmed">
              API
            </Anchor>
            {apiKey !== undefined && !locked && (
              <Anchor component="button" size="sm" c="dimmed" onClick={forgetKey}>
                Forget key
              </Anchor>
            )}
            <SchemeToggle />
          </nav>
        </div>
      </header>
      {outage !== null && <OutageBanner outage={outage} />}
      <main id="content" className={styles['content']} tabIndex={-1}>
        {locked ? <KeyPrompt /> : <Outlet />}
      </main>
    </>
  )
}

function OutageBanner({ outage }: { outage: string }) {
  const queries = useQueryClient()
  return (
    <div className={styles['outage']} role="alert">
      <div className={styles['inner']}>
        <span>
          <strong>The API does not answer.</strong> What you see may be old. <span className="faded">{outage}</span>
        </span>
        <Button onClick={() => void queries.refetchQueries({ type: 'active' })}>Retry now</Button>
      </div>
    </div>
  )
}

function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'dark' ? 'light' : 'dark'
  return (
    <ActionIcon variant="subtle" color="gray" aria-label={`Use ${other} colours`} onClick={() => setColorScheme(other)}>
      {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
    </ActionIcon>
  )
}
