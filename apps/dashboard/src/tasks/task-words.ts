import { exportedMedia, type Task } from '@kantor/contracts'
import { count } from '../format.js'

/** What a task is asked for, in a few words. */
export function taskName(task: Task): string {
  switch (task.kind) {
    case 'verify':
      return 'verification'
    case 'evaluate':
      return `evaluation of ${count(task.params.images)} images`
    case 'export':
      return `export as ${task.params.format}${task.params.class === undefined ? '' : `, class ${task.params.class}`}`
    case 'generate': {
      const { from, as } = task.params
      if (from.kind === 'seeds') return `${count(from.count)} images from seed ${from.seed}, ${as}`
      if (from.kind === 'path') return `walk ${from.seeds.join(' → ')}, ${as}`
      return `${count(from.latents.length)} images of given latents, ${as}`
    }
  }
}

/** What the download of a finished task is called; null when it made no file. */
export function outputName(task: Task, jobName: string, step: number | undefined): string | null {
  if (task.state !== 'succeeded') return null
  const stem = step === undefined ? jobName : `${jobName}-step-${step}`
  if (task.kind === 'generate') return `${stem}.${task.params.as}`
  if (task.kind !== 'export') return null
  return `${stem}-${task.params.format}.${exportedMedia[task.params.format].ending}`
}

export const isPicture = (task: Task): boolean =>
  task.kind === 'generate' && (task.params.as === 'png' || task.params.as === 'webp')
