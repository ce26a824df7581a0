import { Button, PasswordInput } from '@mantine/core'
import { ClientError } from '@kantor/client'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api, explain } from '../api.js'
import { noteAnswer } from '../session.js'
import styles from './key-prompt.module.css'

/** Asked when the API answers 401. The key is sent once, for a session's cookie; the page keeps neither. */
export function KeyPrompt() {
  const queries = useQueryClient()
  const [typed, setTyped] = useState('')
  const key = typed.trim()
  const logIn = useMutation({
    mutationFn: () => api().startSession({ body: { key } }),
    onSuccess: () => {
      noteAnswer()
      return queries.resetQueries()
    },
    onError: () => setTyped(''),
  })

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (key !== '') logIn.mutate()
  }
  return (
    <form className={`sheet ${styles['prompt']}`} onSubmit={submit}>
      <h1>An API key is needed</h1>
      <p className="faded">
        This service answers only who holds a key. An administrator makes one with <code>kantor key create</code>. You
        stay logged in on this browser for a week, or until you log out.
      </p>
      <PasswordInput
        label="API key"
        placeholder="kantor_…"
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        error={logIn.error && typed === '' ? refusalOf(logIn.error) : undefined}
        autoComplete="off"
        data-autofocus
        autoFocus
      />
      <Button type="submit" variant="filled" size="sm" disabled={key === ''} loading={logIn.isPending}>
        Log in
      </Button>
    </form>
  )
}

const refusalOf = (error: Error) =>
  error instanceof ClientError && error.status === 401
    ? 'The API does not accept the key that was given'
    : explain(error)
