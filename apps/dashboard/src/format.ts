import { type Job, POINT_SIZE } from '@kantor/contracts'

const whole = new Intl.NumberFormat('en')
const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' })

/** What stands where there is no figure. */
export const nothing = '–'

export const count = (value: number | null | undefined): string => (value == null ? nothing : whole.format(value))

/** Four significant digits, in plain notation as long as that stays readable. A true minus sign keeps columns even. */
export function figure(value: number | null | undefined, digits = 4): string {
  if (value == null) return nothing
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  const plain = size === 0 || (size >= 1e-4 && size < 1e6)
  if (plain && size >= 10 ** digits) return whole.format(Math.round(value)).replace('-', '−')
  return (plain ? value.toPrecision(digits) : value.toExponential(digits - 1)).replace('-', '−').replace(/e\+?/, 'e')
}

/** A float32 as exactly as eight digits can name it. */
export const exactly = (value: number | null | undefined): string =>
  value == null ? nothing : String(Number(value.toPrecision(8))).replace('-', '−')

/** The two largest units: `2 h 5 min`, `41 s`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return nothing
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  const parts: [number, string][] = [
    [Math.floor(s / 86_400), 'd'],
    [Math.floor(s / 3600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

/** The largest unit alone, for ages: `3 d`. */
export const roughly = (seconds: number): string => duration(seconds).split(' ').slice(0, 2).join(' ')

export const rate = (stepsPerSecond: number | null | undefined): string => {
  if (stepsPerSecond == null) return nothing
  if (stepsPerSecond >= 0.1 || stepsPerSecond === 0) return `${figure(stepsPerSecond, 3)} /s`
  return `${figure(stepsPerSecond * 60, 3)} /min`
}

export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, size)) / 10))
  return `${power === 0 ? size : (size / 1024 ** power).toPrecision(3)} ${units[power]}`
}

export const moment = (iso: string): string => day.format(new Date(iso))

/** `mnist@0123456789abcdef` is `mnist` to people; the version shows in the spec. */
export const datasetName = (reference: string): string => reference.split('@')[0] ?? reference

export function modelName({ model }: Job['spec']): string {
  const networks = model.generator === model.critic ? model.generator : `${model.generator} / ${model.critic}`
  const classes = model.classes === undefined ? '' : ` · ${model.classes} classes`
  return model.imageSize === POINT_SIZE ? `${networks} · points` : `${networks} · ${model.imageSize} px${classes}`
}

/** `trainer_error` reads `trainer error`. */
export const words = (name: string): string => name.replaceAll('_', ' ')
