import type { CriticHealth, HealthState } from '@kantor/contracts'
import styles from './state-mark.module.css'

const tones: Record<HealthState, string> = {
  warming: 'waiting',
  tracking: 'good',
  lagging: 'uneasy',
  saturated: 'uneasy',
  overfit: 'uneasy',
  collapsed: 'bad',
  exploding: 'bad',
  'non-finite': 'bad',
}

/** How the critic is doing, in one quiet word; the reason is its hint. */
export const HealthMark = ({ health: { state, reason, sinceStep } }: { health: CriticHealth }) => (
  <span
    className={styles['mark']}
    data-tone={tones[state]}
    data-health={state}
    title={`The critic, since step ${sinceStep}: ${reason}`}
  >
    <span className={styles['dot']} aria-hidden />
    critic {state}
  </span>
)
