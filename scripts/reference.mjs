// `npm run reference`: writes docs/openapi.json and docs/reference/ from the route table, the catalogues and the schemas, so that none of
// them is told twice. `-- --check` (part of `npm run check`) writes nothing and fails when a file is not what it would write.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { format, resolveConfig } from 'prettier'
import { root, setUpOrExit } from './setup.mjs'

await setUpOrExit()
const { errorCatalogue, JobSpecInput, reasonCatalogue, routes } = await import('@kantor/contracts')
const { describeEnvironment } = await import('@kantor/runtime')
const { openApiDocument } = await import('../apps/api/dist/plugins/openapi.js')

const cell = (value) => String(value ?? '').replaceAll('|', '\\|')
const code = (value) => (value === undefined || value === '' ? '' : `\`${cell(value)}\``)
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map((value) => value ?? '').join(' | ')} |`).join('\n')
const page = (title, about, body) =>
  `# ${title}\n\n${about}\n\n_Made by \`npm run reference\`: change the code instead._\n\n${body}\n`

/** The keys of an object schema with their types, ranges and defaults, nested ones and those of variants included. */
function keysOf(schema, prefix = '', kind = '') {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`
    const variants = inner.oneOf ?? inner.anyOf
    if (variants) return variants.flatMap((variant) => keysOf(variant, key, variant.properties?.kind?.const))
    if (inner.properties) return keysOf(inner, key, kind)
    const shown = kind === '' || inner.const !== undefined ? key : `${key} (${kind})`
    return [[code(shown), takes(inner), inner.default === undefined ? '' : code(JSON.stringify(inner.default))]]
  })
}
function takes(schema) {
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum) return schema.enum.map(code).join(', ')
  const low = schema.minimum > Number.MIN_SAFE_INTEGER ? schema.minimum : undefined
  const high = schema.maximum < Number.MAX_SAFE_INTEGER ? schema.maximum : undefined
  const below = schema.exclusiveMaximum === undefined ? '' : `below ${schema.exclusiveMaximum}`
  const range = low === undefined ? '' : ` ${low} to ${high ?? below}`
  return `${schema.type === 'integer' ? 'whole number' : (schema.type ?? 'anything')}${range}`
}

const jsonSchema = (schema) => schema.toJSONSchema({ io: 'input', unrepresentable: 'any' })
const document = await openApiDocument()
const { valid, errors } = await new Validator().validate(structuredClone(document))
if (!valid) throw new Error(`the OpenAPI document is not valid: ${JSON.stringify(errors)}`)

const files = {
  'docs/openapi.json': JSON.stringify(document),
  'docs/reference/endpoints.md': page(
    'Endpoints',
    'What `GET /openapi.json` describes in full. The scope is that of the API key: `submit` may what `read` may, `admin` may everything.',
    table(
      ['operation', 'request', 'scope', 'answer', 'what it does', 'query'],
      Object.entries(routes).map(([name, route]) => [
        code(name),
        code(`${route.method} ${route.path}`),
        route.scope,
        route.status,
        cell(route.summary),
        Object.keys(route.query?.shape ?? {})
          .map(code)
          .join(', '),
      ]),
    ),
  ),
  'docs/reference/errors.md': page(
    'Errors',
    'Every error is `application/problem+json` (RFC 9457) with one of these codes, which do not change. What is wrong with single fields stands in `errors`, each with a pointer, a code and a hint.',
    table(
      ['code', 'status', 'meaning'],
      Object.entries(errorCatalogue).map(([name, { status, title }]) => [code(name), status, cell(title)]),
    ),
  ),
  'docs/reference/reasons.md': page(
    'Reasons',
    'Why a job is in its state, or what an event tells. [Failures](../failures.md) says which of them are tried again.',
    table(
      ['reason', 'meaning', 'what to do'],
      Object.entries(reasonCatalogue).map(([name, { meaning, remedy }]) => [code(name), cell(meaning), cell(remedy)]),
    ),
  ),
  'docs/reference/job-spec.md': page(
    'Job spec',
    'The keys of `spec` in `POST /jobs`. All but `dataset` may be left out; an unknown key is an error. In brackets: the kind to which a key belongs.',
    table(['key', 'takes', 'default'], keysOf(jsonSchema(JobSpecInput))),
  ),
  'docs/reference/environment.md': page(
    'Environment variables',
    'Of every process, and of `kantor`. An empty variable counts as unset; an unknown one that begins with `KANTOR_` ends the process with 78 (EX_CONFIG), as a bad value does.',
    table(
      ['variable', 'default', 'what it is'],
      describeEnvironment().map(({ name, meaning, fallback }) => [code(name), code(fallback), cell(meaning)]),
    ),
  ),
}

const stale = []
for (const [file, text] of Object.entries(files)) {
  const path = join(root, file)
  const wanted = await format(text, { ...(await resolveConfig(path)), filepath: path })
  if (process.argv.includes('--check')) {
    if (read(path) !== wanted) stale.push(file)
    continue
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, wanted)
}
if (stale.length > 0) {
  process.stderr.write(`${stale.join(', ')}: not what the code says any more; run \`npm run reference\`\n`)
  process.exit(1)
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
