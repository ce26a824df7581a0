import type { ReactNode } from 'react'
import styles from './readout.module.css'

export interface Reading {
  name: string
  value: ReactNode
  colour?: string
  hint?: string
}

/** Exact values at the cursor, in cells that keep their width while the cursor moves. */
export function Readout({ readings }: { readings: Reading[] }) {
  return (
    <dl className={styles['readout']}>
      {readings.map(({ name, value, colour, hint }) => (
        <div key={name} title={hint}>
          <dt>
            {colour && <span className={styles['swatch']} style={{ background: colour }} />}
            {name}
          </dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
