import { Button, PasswordInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { rememberKey, useSession } from '../session.js'
import styles from './key-prompt.module.css'

/** Asked when the API answers 401, and again when it refuses the key that was given. */
export function KeyPrompt() {
  const queries = useQueryClient()
  const { apiKey } = useSession()
  const [typed, setTyped] = useState('')
  const key = typed.trim()

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (key === '') return
    rememberKey(key)
    void queries.resetQueries()
  }
  return (
    <form className={`sheet ${styles['prompt']}`} onSubmit={submit}>
      <h1>An API key is needed</h1>
      <p className="faded">
        This service answers only who holds a key. An administrator makes one with <code>kantor key create</code>. It is
        kept in this tab and forgotten when the tab closes.
      </p>
      <PasswordInput
        label="API key"
        placeholder="kantor_…"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        error={apiKey !== undefined && typed === '' ? 'The API does not accept the key that was given' : undefined}
        autoComplete="off"
        data-autofocus
        autoFocus
      />
      <Button type="submit" variant="filled" size="sm" disabled={key === ''}>
        Continue
      </Button>
    </form>
  )
}
