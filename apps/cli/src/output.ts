import Table from 'cli-table3'
import pc from 'picocolors'

const plain = process.env['NO_COLOR'] || process.argv.includes('--no-color')
/** Colours for stderr; stdout stays plain, so that a pipe reads the same as a person. */
export const paint = pc.createColors(process.stderr.isTTY && !plain)

/** Control characters but tab and line feed, and those that reorder what stands around them: names and messages of others may hold them. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g
const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * Text that a terminal only shows: no escape sequence of it moves the cursor, sets a title or changes what stands before it. Escaped as in JSON,
 * where it means the same.
 */
export const harmless = (text: string): string => text.replaceAll(unprintable, escaped)
/** The same on one line. */
export const onOneLine = (text: string): string => harmless(text).replaceAll(/[\t\n]/g, escaped)

/** One document on stdout. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))
export const print = (line: string): void => void process.stdout.write(`${harmless(line)}\n`)
/** For people: stderr, so that stdout stays data. */
export const note = (line: string): void => void process.stderr.write(`${harmless(line)}\n`)
/** What went wrong, with the name of who says so in red. */
export const noteProblem = (line: string): void =>
  void process.stderr.write(`${paint.red('kantor:')} ${harmless(line)}\n`)

/** A table without frames, which survives copying into a mail. `right` holds the indices of number columns. */
export function table(head: string[], rows: string[][], right: number[] = []): string {
  const grid = new Table({
    head,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    colAligns: head.map((_, index) => (right.includes(index) ? 'right' : 'left')),
    chars: Object.fromEntries(
      [
        'top',
        'top-mid',
        'top-left',
        'top-right',
        'bottom',
        'bottom-mid',
        'bottom-left',
        'bottom-right',
        'left',
        'left-mid',
      ]
        .concat(['mid', 'mid-mid', 'right', 'right-mid', 'middle'])
        .map((name) => [name, '']),
    ),
  })
  grid.push(...rows.map((row) => row.map(onOneLine)))
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const two = (value: number) => String(value).padStart(2, '0')

/** `1h 02m`, `3m 05s`, `12s`; a dash when unknown. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–'
  const whole = Math.max(0, Math.round(seconds))
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
  return whole >= 60 ? `${Math.floor(whole / 60)}m ${two(whole % 60)}s` : `${whole}s`
}

/** `3.58 GiB`, `512 MiB`; a dash when unknown. */
export function size(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return '–'
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${Number((bytes / 2 ** (10 * unit)).toPrecision(3))} ${units[unit]}`
}

/** A figure with `digits` decimals; a dash when there is none. */
export const figure = (value: number | null | undefined, digits = 4): string =>
  value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits)
