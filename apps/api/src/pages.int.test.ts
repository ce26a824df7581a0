import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { errorCodes, routes } from '@kantor/contracts'
import { type Services, startServices } from '@kantor/testing'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openRig, type Rig } from '../tests/rig.js'

let services: Services
let rig: Rig
let bare: Rig
beforeAll(async () => {
  services = await startServices({ redis: false, s3: false })
  const { databaseUrl, directory } = services
  const dashboardDirectory = join(directory, 'dashboard')
  await mkdir(join(dashboardDirectory, 'assets'), { recursive: true })
  await writeFile(
    join(dashboardDirectory, 'index.html'),
    '<!doctype html><title>the page</title><style nonce="__CSP_NONCE__"></style>',
  )
  await writeFile(join(dashboardDirectory, 'assets/index-abc.js'), 'export {}')
  rig = await openRig({ databaseUrl, directory, deps: { dashboardDirectory } })
  bare = await openRig({ databaseUrl, directory })
})
afterAll(async () => {
  await Promise.all([rig.close(), bare.close()])
  await services.stop()
})

describe('/openapi.json', () => {
  interface Operation {
    operationId: string
    parameters?: { name: string; in: string }[]
    requestBody?: object
    responses: Record<string, { content?: Record<string, object> }>
    security?: object[]
  }
  interface OpenApi {
    openapi: string
    paths: Record<string, Record<string, Operation>>
    components: { schemas: Record<string, object>; securitySchemes: object }
  }
  let document: OpenApi
  beforeAll(async () => {
    document = (await rig.askBare({ url: '/openapi.json' })).json() as OpenApi
  })

  test('is OpenAPI 3.1 by its own schema', async () => {
    expect(await new Validator().validate({ ...document })).toEqual({ valid: true })
  })

  test('describes every route of the table and nothing else', () => {
    expect(document.openapi).toBe('3.1.0')
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    )
    const expected = Object.entries(routes).map(
      ([name, { method, path }]) => `${name} ${method} ${path.replace(':id', '{id}')}`,
    )
    expect(described.toSorted()).toEqual(expected.toSorted())
  })

  test('is whole: every reference leads somewhere, every path parameter is declared, every error is a problem', () => {
    const text = JSON.stringify(document)
    const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!)
    const names = Object.keys(document.components.schemas)
    for (const ref of refs) expect(names).toContain(ref.replace('#/components/schemas/', ''))
    expect(refs.length).toBeGreaterThan(10)

    for (const [path, methods] of Object.entries(document.paths)) {
      for (const { parameters = [], responses } of Object.values(methods)) {
        const declared = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
        expect(declared).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
        expect(JSON.stringify(responses['default'])).toContain('Problem')
      }
    }
    expect(Object.keys(document.paths['/jobs']!['post']!.requestBody ?? {})).toContain('content')
    expect(document.paths['/samples/{id}/download']!['get']!.responses['200']?.content).toHaveProperty('image/png')
    expect(document.paths['/healthz']!['get']!.security).toEqual([])
  })
})

describe('/docs', () => {
  test('is a page whose files are all here', async () => {
    const page = await rig.askBare({ url: '/docs' })
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!)

    expect(page.headers['content-type']).toMatch(/^text\/html/)
    expect(files.length).toBeGreaterThan(3)
    for (const url of files) expect([url, (await rig.askBare({ url })).statusCode]).toEqual([url, 200])
    expect((await rig.askBare({ url: '/docs/package.json' })).statusCode).toBe(404)
  })

  test('names every error code where its type points', async () => {
    const page = await rig.askBare({ url: '/docs/errors' })

    for (const code of errorCodes) expect(page.body).toContain(`id="${code}"`)
  })
})

describe('/ui/', () => {
  test('is where / leads, and every path of the page is the page', async () => {
    expect((await rig.askBare({ url: '/' })).headers['location']).toBe('/ui/')
    expect((await rig.askBare({ url: '/ui' })).headers['location']).toBe('/ui/')
    for (const url of ['/ui/', '/ui/jobs/0198c0de-0000-7000-8000-000000000001?x=1']) {
      const page = await rig.askBare({ url })
      expect(page.body).toContain('the page')
      expect(page.headers['cache-control']).toBe('no-store')
    }
  })

  test('hashed files are kept for ever, missing ones are missing', async () => {
    const script = await rig.askBare({ url: '/ui/assets/index-abc.js' })
    expect(script.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    })
    const missing = [
      '/ui/assets/index-old.js',
      '/ui/assets/x',
      '/ui/x.js',
      '/ui/../package.json',
      '/ui/..%2f..%2fetc%2fpasswd.txt',
    ]
    for (const url of missing) expect([url, (await rig.askBare({ url })).statusCode]).toEqual([url, 404])
    expect((await rig.askBare({ url: '/ui/%2e%2e/objects' })).body).toContain('the page')
  })

  test('says so when the dashboard is not built', async () => {
    const page = await bare.askBare({ url: '/ui/' })

    expect([page.statusCode, page.body]).toEqual([503, expect.stringContaining('npm run build')])
  })
})

test('S8: a page has a nonce of its own for its styles, another one each time', async () => {
  const nonces: string[] = []
  for (const url of ['/ui/', '/ui/', '/ui/index.html', '/docs/errors']) {
    const page = await rig.ask({ url })
    const [, nonce] = /<style nonce="([\w-]{22})">/.exec(page.body) ?? []
    expect(page.headers['content-security-policy']).toContain(`style-src 'self' 'nonce-${nonce}';`)
    expect(String(page.headers['content-security-policy']).includes("require-trusted-types-for 'script'")).toBe(
      url.startsWith('/ui'),
    )
    nonces.push(nonce!)
  }
  expect(new Set(nonces).size).toBe(4)
})

test('S8: pages may run only their own scripts, data may run nothing', async () => {
  const policy = async (url: string) => (await rig.ask({ url })).headers['content-security-policy'] ?? ''
  for (const url of ['/ui/', '/docs']) {
    expect(await policy(url)).toContain("script-src 'self';")
    expect(await policy(url)).toContain("frame-ancestors 'none'")
    expect(await policy(url)).not.toContain('unsafe')
  }
  expect(await policy('/jobs')).toBe("default-src 'none'; frame-ancestors 'none'")
  expect((await rig.ask({ url: '/jobs' })).headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'strict-transport-security': expect.stringContaining('max-age='),
    'referrer-policy': 'no-referrer',
  })
})
