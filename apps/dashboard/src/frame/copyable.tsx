import { CopyButton, Tooltip, UnstyledButton } from '@mantine/core'
import styles from './copyable.module.css'
import { CopyIcon, TickIcon } from './icons.js'

/** A long identifier in short; a click copies the whole of it. */
export function Copyable({ value, short, name }: { value: string; short: string; name: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : value} maw="none">
          <UnstyledButton className={styles['copyable']} onClick={copy} aria-label={`Copy ${name} ${value}`}>
            <span className="mono">{short}</span>
            {copied ? <TickIcon /> : <CopyIcon />}
          </UnstyledButton>
        </Tooltip>
      )}
    </CopyButton>
  )
}
