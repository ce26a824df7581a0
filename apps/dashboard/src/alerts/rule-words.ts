import type { AlertCondition } from '@kantor/contracts'
import { count, duration, figure, words } from '../format.js'

/** When a rule fires, as a sentence. */
export function conditionWords(condition: AlertCondition): string {
  switch (condition.kind) {
    case 'threshold':
      return `${words(condition.metric)} ${condition.op} ${figure(condition.value, 3)}, median of ${count(condition.points)}`
    case 'change':
      return `${words(condition.metric)} ${condition.direction}s by more than ${figure(condition.by, 3)}, medians of ${count(condition.points)}`
    case 'state':
      return `a job has ${condition.states.map((state) => endings[state]).join(' or ')}`
    case 'stalled':
      return `no new step for ${duration(condition.seconds)}`
  }
}

const endings = { succeeded: 'succeeded', stopped: 'stopped', cancelled: 'been cancelled', failed: 'failed' } as const
