// What the commands that check bars have in common: one entry per bar, one document, one exit code.

/** `value` null: something that it needs is absent. */
export function bar(name, value, op, limit) {
  const pass = value === null ? null : op === '>=' ? value >= limit : value <= limit
  return { name, value, op, limit, pass }
}

/** Prints the document (or, for people, its bars) and ends the process: 1 when a bar is missed, 2 when one could not be taken. */
export function finish(document, json) {
  const { bars } = document
  if (json) console.log(JSON.stringify(document, null, 2))
  else
    for (const { name, value, op, limit, pass } of bars) console.log(`${mark(pass)} ${name}: ${value} (${op} ${limit})`)
  process.exit(bars.some(({ pass }) => pass === false) ? 1 : bars.some(({ pass }) => pass === null) ? 2 : 0)
}

const mark = (pass) => (pass === null ? '?   ' : pass ? 'ok  ' : 'FAIL')
