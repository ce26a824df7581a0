import { ActionIcon, Anchor, Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import { api, sessionQuery } from '../api.js'
import { useSession } from '../session.js'
import { Mark, MoonIcon, SunIcon } from './icons.js'
import { KeyPrompt } from './key-prompt.js'
import styles from './shell.module.css'

/** Everything around a page: the bar, the line to the API, and the question for a key. */
export function Shell() {
  const { locked, outage } = useSession()
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
            <Anchor component={Link} to="/sweeps" size="sm" c="dimmed">
              Sweeps
            </Anchor>
            <Anchor component={Link} to="/datasets" size="sm" c="dimmed">
              Datasets
            </Anchor>
            <Anchor component={Link} to="/weights" size="sm" c="dimmed">
              Weights
            </Anchor>
            <Anchor component={Link} to="/alerts" size="sm" c="dimmed">
              Alerts
            </Anchor>
            <Anchor component={Link} to="/workers" size="sm" c="dimmed">
              Workers
            </Anchor>
            <Anchor href="/docs" size="sm" c="dimmed">
              API
            </Anchor>
            {!locked && <LogOut />}
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

/** For a browser that logged in; one that needs no key has nothing to leave. */
function LogOut() {
  const queries = useQueryClient()
  const { data } = useQuery(sessionQuery)
  const leave = useMutation({ mutationFn: () => api().endSession(), onSettled: () => queries.resetQueries() })
  if (!data || data.expiresAt === null) return null
  return (
    <Anchor component="button" size="sm" c="dimmed" title={`Logged in as ${data.actor}`} onClick={() => leave.mutate()}>
      Log out
    </Anchor>
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
